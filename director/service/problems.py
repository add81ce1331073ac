"""Open problems of a deployment (director API §9): what a scan found, with the ways out. Kept until the next scan or resolution."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import Struct, field

from director.model.deployment import Document
from director.model.errors import BadRequest
from director.model.rows import SettingRow
from director.ports.store import Changes, Store

MISSING_VM = "missing_vm"
UNRESPONSIVE = "unresponsive_agent"
MISSING_DISK = "missing_disk"

WAYS: dict[str, dict[str, str]] = {
    MISSING_VM: {
        "ignore": "Leave it for now",
        "recreate_vm_without_wait": "Make the VM anew, do not wait until its jobs run",
        "recreate_vm": "Make the VM anew and wait until its jobs run",
        "delete_vm_reference": "Forget the VM",
    },
    UNRESPONSIVE: {
        "ignore": "Leave it for now",
        "reboot_vm": "Reboot the VM",
        "recreate_vm_without_wait": "Make the VM anew, do not wait until its jobs run",
        "recreate_vm": "Make the VM anew and wait until its jobs run",
        "delete_vm": "Delete the VM",
        "delete_vm_reference": "Forget the VM; if the cloud still has it, delete it there, or addresses may be used twice",
    },
    MISSING_DISK: {
        "ignore": "Leave it for now",
        "delete_disk_reference": "Forget the disk; its data is lost",
    },
}
AUTO = {MISSING_VM: "recreate_vm_without_wait", UNRESPONSIVE: "ignore", MISSING_DISK: "ignore"}


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
    """By id."""
    row = await store.get(SettingRow, key_of(deployment))
    return msgspec.json.decode(row.value, type=list[Problem]) if row is not None else []


def kept(deployment: str, problems: Sequence[Problem]) -> Changes:
    """The commit that makes these the open ones."""
    row = SettingRow(name=key_of(deployment), value=msgspec.json.encode(list(problems)).decode())
    return Changes(put=(row,))
