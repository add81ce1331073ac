"""Disks on VMs."""

from __future__ import annotations

from cpi.conformance.case import BOSH, case, documented
from cpi.conformance.trial import Trial
from cpi.contract import CpiError, DiskNotAttached, DiskNotFound, VMNotFound

V2 = f"{BOSH}cpi-api-v2-method/attach-disk/"


@case(
    "disk.attach.v1",
    must="attach_disk of version 1 must answer null.",
    why="The settings of version 1 travel by the registry; an answer would be logged as an error of the CPI.",
    source=documented("attach_disk"),
    version=1,
)
async def version_1(trial: Trial) -> None:
    vm, disk = await trial.vm(), await trial.new_disk()
    answer = await trial.call("attach_disk", vm.cid, disk, version=1)
    trial.expect(answer is None, f"it answered {answer!r}")
    await trial.call("detach_disk", vm.cid, disk, version=1)


@case(
    "disk.attach.v2",
    must="attach_disk of version 2 must answer a hint: a string that is not empty, or a hash that is not empty.",
    why="By the hint the agent finds the device; the director refuses an empty one.",
    source=V2,
    version=2,
)
async def version_2(trial: Trial) -> None:
    vm, disk = await trial.vm(), await trial.new_disk()
    hint = await trial.call("attach_disk", vm.cid, disk, version=2)
    trial.expect(isinstance(hint, str | dict) and hint, f"it answered {hint!r}")
    await trial.call("detach_disk", vm.cid, disk)


@case(
    "disk.attach.several",
    must="Several disks on one VM must get different hints.",
    why="With one hint for two disks the agent mounts one disk's data in the other's place.",
    source=V2,
    version=2,
)
async def several(trial: Trial) -> None:
    vm, first, second = await trial.vm(), await trial.new_disk(), await trial.new_disk()
    hints = [await trial.call("attach_disk", vm.cid, disk) for disk in (first, second)]
    trial.expect(hints[0] != hints[1], f"two disks have the hint {hints[0]!r}")
    for disk in (first, second):
        await trial.call("detach_disk", vm.cid, disk)


@case(
    "disk.attach.twice",
    must="attach_disk of a disk that is attached to this VM already must succeed with the same hint.",
    why="An attach whose answer was lost is repeated.",
    source="cpi/contract.py, attach_disk",
)
async def twice(trial: Trial) -> None:
    vm, disk = await trial.vm(), await trial.new_disk()
    first = await trial.call("attach_disk", vm.cid, disk)
    second = await trial.call("attach_disk", vm.cid, disk)
    trial.expect(first == second, f"first it answered {first!r}, then {second!r}")
    await trial.call("detach_disk", vm.cid, disk)


@case(
    "disk.attach.elsewhere",
    must="attach_disk of a disk that is attached to another VM must fail; the disk stays where it is.",
    why="Two VMs that write one file system destroy it.",
    source=documented("attach_disk"),
)
async def elsewhere(trial: Trial) -> None:
    vm, other, disk = await trial.vm(), await trial.new_vm(), await trial.new_disk()
    await trial.call("attach_disk", vm.cid, disk)
    await trial.refused("attach_disk", other.cid, disk)
    if trial.declares("get_disks"):
        found = await trial.call("get_disks", vm.cid)
        trial.expect(found == [disk], f"get_disks of the first VM answered {found!r}")
    await trial.call("detach_disk", vm.cid, disk)


@case(
    "disk.attach.unknown-disk",
    must="attach_disk of a disk that is gone must raise DiskNotFound.",
    why="By this type the director tells lost data from a cloud in trouble.",
    source=documented("attach_disk"),
)
async def unknown_disk(trial: Trial) -> None:
    vm = await trial.vm()
    await trial.refused("attach_disk", vm.cid, await trial.gone("disk"), by=(DiskNotFound,))


@case(
    "disk.attach.unknown-vm",
    must="attach_disk to a VM that is gone must raise VMNotFound.",
    why="By this type the director tells a VM that vanished from a cloud in trouble.",
    source=documented("attach_disk"),
)
async def unknown_vm(trial: Trial) -> None:
    disk = await trial.new_disk()
    await trial.refused("attach_disk", await trial.gone("vm"), disk, by=(VMNotFound,))


@case(
    "disk.detach",
    must="detach_disk must detach the disk and keep it: it can be attached to another VM at once.",
    why="So every recreated instance gets its data back.",
    source=documented("detach_disk"),
)
async def detach(trial: Trial) -> None:
    vm, other, disk = await trial.vm(), await trial.new_vm(), await trial.new_disk()
    await trial.call("attach_disk", vm.cid, disk)
    await trial.call("detach_disk", vm.cid, disk)
    if trial.declares("has_disk"):
        trial.expect(await trial.is_there("disk", disk), "after detach_disk has_disk is false")
    await trial.call("attach_disk", other.cid, disk)
    await trial.call("detach_disk", other.cid, disk)


@case(
    "disk.detach.not-attached",
    must="detach_disk of a disk that is not on this VM must succeed, or raise DiskNotAttached.",
    why="A detach whose answer was lost is repeated; with any other answer the task fails for ever.",
    source=documented("detach_disk"),
)
async def not_attached(trial: Trial) -> None:
    vm, disk = await trial.vm(), await trial.new_disk()
    await trial.tolerated("detach_disk", vm.cid, disk, by=(DiskNotAttached,))


@case(
    "disk.detach.unknown-vm",
    must="detach_disk from a VM that is gone must succeed, or raise VMNotFound or DiskNotAttached.",
    why="The disk of a VM that vanished has to be freed for the next one.",
    source="cpi-contract: detach_disk on missing objects",
)
async def detach_unknown(trial: Trial) -> None:
    disk = await trial.new_disk()
    await trial.tolerated("detach_disk", await trial.gone("vm"), disk, by=(VMNotFound, DiskNotAttached))


@case(
    "disk.list",
    must="get_disks must answer the CIDs of the disks that are attached to the VM, and no others.",
    why="Snapshots are taken of these, and cloud check compares them with the director's records.",
    source=documented("get_disks"),
    needs=("get_disks",),
)
async def listed(trial: Trial) -> None:
    vm, disk, other = await trial.vm(), await trial.new_disk(), await trial.new_disk()
    await trial.call("attach_disk", vm.cid, disk)
    found = await trial.call("get_disks", vm.cid)
    trial.expect(found == [disk], f"attached is '{disk}', get_disks answered {found!r}; '{other}' is attached nowhere")
    await trial.call("detach_disk", vm.cid, disk)
    found = await trial.call("get_disks", vm.cid)
    trial.expect(found == [], f"after detach_disk get_disks answered {found!r}")


@case(
    "vm.delete.keeps-disks",
    must="delete_vm must keep the persistent disks that are attached: they can be attached to another VM at once.",
    why="A VM that cannot be reached any more is deleted with its disks attached; the data must outlive it.",
    source=documented("delete_vm"),
)
async def survives(trial: Trial) -> None:
    vm, disk = await trial.new_vm(), await trial.new_disk()
    await trial.call("attach_disk", vm.cid, disk)
    await trial.call("delete_vm", vm.cid)
    trial.ledger.drop(vm.cid)
    if trial.declares("has_disk"):
        trial.expect(await trial.is_there("disk", disk), "after delete_vm has_disk of the attached disk is false")
    other = await trial.vm()
    await trial.call("attach_disk", other.cid, disk)
    await trial.call("detach_disk", other.cid, disk)


@case(
    "disk.delete.attached",
    must="delete_disk of a disk that is attached must fail and leave it as it is, or delete it and detach it first.",
    why="A VM that holds a disk that is no more hangs in its writes.",
    source=documented("delete_disk"),
)
async def delete_attached(trial: Trial) -> None:
    vm, disk = await trial.new_vm(), await trial.new_disk()
    await trial.call("attach_disk", vm.cid, disk)
    answer = await trial.attempt("delete_disk", disk)
    there = not isinstance(answer, CpiError)
    if there:
        trial.ledger.drop(disk)
        if trial.declares("get_disks"):
            found = await trial.call("get_disks", vm.cid)
            trial.expect(found == [], f"the disk was deleted, and get_disks answers {found!r}")
        return
    if trial.declares("has_disk"):
        trial.expect(await trial.is_there("disk", disk), "delete_disk was refused, and the disk is gone")
    await trial.call("detach_disk", vm.cid, disk)
