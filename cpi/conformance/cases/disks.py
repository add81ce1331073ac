"""The life of a disk that is attached to nothing."""

from __future__ import annotations

from cpi.conformance.case import case, documented
from cpi.conformance.trial import Trial
from cpi.contract import CpiError, DiskNotFound


@case(
    "disk.create",
    must="create_disk must answer the CID of a new disk: a string of 1 to 255 printable characters, another one for each disk.",
    why="The disk's CID is all that the director has of the data.",
    source=documented("create_disk"),
)
async def create(trial: Trial) -> None:
    first, second = await trial.new_disk(), await trial.new_disk()
    trial.expect(first != second, f"two disks have the CID '{first}'")


@case(
    "disk.create.near-vm",
    must="create_disk must take the CID of a VM near which the disk is wanted, and that VM can attach it.",
    why="In a cloud with zones a disk elsewhere cannot be attached at all.",
    source=documented("create_disk"),
)
async def near(trial: Trial) -> None:
    vm = await trial.vm()
    disk = await trial.new_disk(near=vm.cid)
    await trial.call("attach_disk", vm.cid, disk)
    await trial.call("detach_disk", vm.cid, disk)


@case(
    "disk.create.bad-size",
    must="create_disk with a size of 0 must fail, and leave nothing behind.",
    why="A disk of no size is noticed only when the agent cannot format it.",
    source="cpi-contract: size MiB",
)
async def bad_size(trial: Trial) -> None:
    before = await trial.inventory()
    _, key = await trial.not_made("disk", [0, dict(trial.config.disk_properties), None], (CpiError,))
    await trial.nothing_came(key, "disk", before)


@case(
    "disk.has",
    must="has_disk must answer true for a disk that exists.",
    why="Cloud check would take the disk for lost, and offer to forget it with its data.",
    source=documented("has_disk"),
    needs=("has_disk",),
)
async def has(trial: Trial) -> None:
    disk = await trial.new_disk()
    trial.expect(await trial.is_there("disk", disk), f"has_disk('{disk}') is false")


@case(
    "disk.has.gone",
    must="has_disk must answer false for a disk that is gone.",
    why="Cloud check would not see that data was lost.",
    source=documented("has_disk"),
    needs=("has_disk",),
)
async def has_gone(trial: Trial) -> None:
    gone = await trial.gone("disk")
    trial.expect(not await trial.is_there("disk", gone), f"'{gone}' was deleted, and has_disk is true")


@case(
    "disk.delete",
    must="delete_disk must not return before the disk is gone.",
    why="Disks that were deleted only on paper fill the quota.",
    source=documented("delete_disk"),
)
async def delete(trial: Trial) -> None:
    before = await trial.inventory()
    disk = await trial.new_disk()
    await trial.call("delete_disk", disk)
    trial.ledger.drop(disk)
    if trial.declares("has_disk"):
        trial.expect(not await trial.is_there("disk", disk), f"'{disk}' was deleted, and has_disk is true")
    after = await trial.inventory()
    trial.expect(before == after, f"delete_disk left {sorted((after or set()) - (before or set()))}")


@case(
    "disk.delete.gone",
    must="delete_disk of a disk that is gone must succeed, or raise DiskNotFound.",
    why="A delete whose answer was lost is repeated; with any other answer the clean-up fails for ever.",
    source=documented("delete_disk"),
)
async def delete_gone(trial: Trial) -> None:
    await trial.tolerated("delete_disk", await trial.gone("disk"), by=(DiskNotFound,))
