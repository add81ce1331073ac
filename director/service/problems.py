"""Open problems of a deployment (director API §9): what a scan found, with the ways out. Kept until the next scan or resolution."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from director.model.deployment import Document
from director.model.errors import BadRequest
from director.model.rows import DiskRow, InstanceRow, SettingRow, VmRow
from director.ports.store import Changes, Store

MISSING_VM = "missing_vm"
UNRESPONSIVE = "unresponsive_agent"
MISSING_DISK = "missing_disk"
INACTIVE_DISK = "inactive_disk"
MOUNT_MISMATCH = "mount_info_mismatch"
INVALID = "invalid_problem"
DISKS = (MISSING_DISK, INACTIVE_DISK, MOUNT_MISMATCH)

_RECREATE = {
    "recreate_vm_without_wait": "Recreate VM without waiting for processes to start",
    "recreate_vm": "Recreate VM and wait for processes to start",
}
WAYS: dict[str, dict[str, str]] = {
    MISSING_VM: {"ignore": "Skip for now", **_RECREATE, "delete_vm_reference": "Delete VM reference"},
    UNRESPONSIVE: {
        "ignore": "Skip for now",
        "reboot_vm": "Reboot VM",
        **_RECREATE,
        "delete_vm": "Delete VM",
        "delete_vm_reference": "Delete VM reference (forceful; may need to manually delete VM from the Cloud to avoid IP conflicts)",
    },
    MISSING_DISK: {"ignore": "Skip for now", "delete_disk_reference": "Delete disk reference (DANGEROUS!)"},
    INACTIVE_DISK: {"ignore": "Skip for now", "delete_disk": "Delete disk", "activate_disk": "Activate disk"},
    MOUNT_MISMATCH: {
        "ignore": "Ignore",
        "reattach_disk": "Reattach disk to instance",
        "reattach_disk_and_reboot": "Reattach disk and reboot instance",
    },
    INVALID: {"close": "Close problem"},
}
AUTO = {
    MISSING_VM: "recreate_vm_without_wait",
    UNRESPONSIVE: "ignore",
    MISSING_DISK: "ignore",
    INACTIVE_DISK: "ignore",
    MOUNT_MISMATCH: "ignore",
    INVALID: "close",
}


class Problem(Struct, frozen=True):
    """``resource`` is the instance's id, or the disk's key for a disk problem; ``group`` and ``instance`` say whose it is."""

    id: int
    type: str
    resource: str
    group: str
    instance: str
    description: str
    data: Document = field(default_factory=dict)

    def show(self) -> Document:
        """As the API gives it."""
        return {
            "id": self.id,
            "type": self.type,
            "data": self.data,
            "description": self.description,
            "resolutions": [{"name": name, "plan": plan} for name, plan in WAYS[self.type].items()],
            "instance_group": self.group,
        }

    def way(self, wanted: str | None) -> str:
        """The resolution's name, the default one for None; 410003 for one that this problem does not have."""
        name = wanted or AUTO[self.type]
        if name not in WAYS[self.type]:
            raise BadRequest(
                f"Cannot find '{name}' resolution for problem {self.id} ({self.type})",
                code=410003,
                remedy=f"Choose one of {', '.join(WAYS[self.type])}",
            )
        return name


def key_of(deployment: str) -> str:
    """Where a deployment's problems are kept."""
    return f"problems/{deployment}"


async def open_problems(store: Store, deployment: str) -> list[Problem]:
    """By id; those that the world has moved away from are invalid ones."""
    row = await store.get(SettingRow, key_of(deployment))
    found = msgspec.json.decode(row.value, type=list[Problem]) if row is not None else []
    return [await _checked(store, one) for one in found]


async def _checked(store: Store, problem: Problem) -> Problem:
    fault = await _fault(store, problem)
    if not fault:
        return problem
    return replace(
        problem,
        type=INVALID,
        group="unknown job",
        description=f"Problem ({problem.type} {problem.resource}) is no longer valid: {fault}",
        data={"error": fault, "original_type": problem.type},
    )


async def _fault(store: Store, problem: Problem) -> str:
    """Why a problem cannot be resolved any more."""
    instance = await store.get(InstanceRow, problem.instance)
    vm = await store.get(VmRow, instance.agent_id) if instance is not None and instance.agent_id else None
    if problem.type not in DISKS:
        if instance is None:
            return f"Instance '{problem.instance}' is no longer in the database"
        if problem.type == UNRESPONSIVE and (vm is None or not vm.cid):
            return "VM '' is no longer in the database"
        return ""
    disk = await store.get(DiskRow, problem.resource)
    if disk is None:
        return f"Disk '{problem.resource}' is no longer in the database"
    if problem.type == INACTIVE_DISK and disk.active:
        return f"Disk '{disk.cid}' is no longer inactive"
    if instance is None or disk.instance_id != instance.id:
        return f"Cannot find instance for disk '{disk.cid}'"
    if problem.type == MOUNT_MISMATCH and vm is None:
        return f"Can't find corresponding vm-cid for disk '{disk.cid}'"
    return ""


def kept(deployment: str, problems: Sequence[Problem]) -> Changes:
    """The commit that makes these the open ones."""
    row = SettingRow(name=key_of(deployment), value=msgspec.json.encode(list(problems)).decode())
    return Changes(put=(row,))
