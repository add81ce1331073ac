"""set_vm_metadata and set_disk_metadata."""

from __future__ import annotations

from cpi.conformance.case import case, documented
from cpi.conformance.trial import Trial
from cpi.contract import DiskNotFound, VMNotFound

OF_A_VM = {
    "director": "kit", "deployment": "conformance", "id": "c0ffee00-0000-4000-8000-000000000000", "job": "router",
    "instance_group": "router", "index": "0", "name": "router/c0ffee00-0000-4000-8000-000000000000",
    "created_at": "2026-01-31T23:59:59Z",
}  # fmt: skip
OF_A_DISK = {
    "director": "kit", "deployment": "conformance", "instance_id": "c0ffee00-0000-4000-8000-000000000000",
    "instance_index": "0", "instance_group": "router", "attached_at": "2026-01-31T23:59:59Z",
}  # fmt: skip
TAGS = {"cost centre": "R&D, 4711", "contact": "jane.doe+ops@example.com", "empty": ""}


@case(
    "vm.metadata",
    must="set_vm_metadata must take what the director sends and the operator's tags, and take them again when they change.",
    why="It is called after every create_vm; a refusal fails the deploy with the VM already made.",
    source=documented("set_vm_metadata"),
    needs=("set_vm_metadata",),
)
async def of_a_vm(trial: Trial) -> None:
    vm = await trial.vm()
    await trial.call("set_vm_metadata", vm.cid, {**OF_A_VM, **TAGS})
    await trial.call("set_vm_metadata", vm.cid, {**OF_A_VM, "index": "1"})
    await trial.call("set_vm_metadata", vm.cid, {"director": "kit", "deployment": "conformance", "compiling": "ruby"})
    if trial.declares("has_vm"):
        trial.expect(await trial.is_there("vm", vm.cid), "after set_vm_metadata has_vm is false")


@case(
    "vm.metadata.gone",
    must="set_vm_metadata of a VM that is gone must raise VMNotFound.",
    why="By this type the director tells a VM that vanished from a cloud in trouble.",
    source=documented("set_vm_metadata"),
    needs=("set_vm_metadata",),
)
async def of_no_vm(trial: Trial) -> None:
    await trial.refused("set_vm_metadata", await trial.gone("vm"), OF_A_VM, by=(VMNotFound,))


@case(
    "disk.metadata",
    must="set_disk_metadata must take what the director sends and the operator's tags, and take them again when they change.",
    why="It is called after every attach_disk; a refusal fails the deploy.",
    source=documented("set_disk_metadata"),
    needs=("set_disk_metadata",),
)
async def of_a_disk(trial: Trial) -> None:
    disk = await trial.new_disk()
    await trial.call("set_disk_metadata", disk, {**OF_A_DISK, **TAGS})
    await trial.call("set_disk_metadata", disk, {**OF_A_DISK, "instance_index": "1"})
    if trial.declares("has_disk"):
        trial.expect(await trial.is_there("disk", disk), "after set_disk_metadata has_disk is false")


@case(
    "disk.metadata.gone",
    must="set_disk_metadata of a disk that is gone must succeed, or raise DiskNotFound.",
    why="Any other error would be taken for a cloud in trouble.",
    source=documented("set_disk_metadata"),
    needs=("set_disk_metadata",),
)
async def of_no_disk(trial: Trial) -> None:
    await trial.tolerated("set_disk_metadata", await trial.gone("disk"), OF_A_DISK, by=(DiskNotFound,))
