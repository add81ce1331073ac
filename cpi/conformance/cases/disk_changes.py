"""resize_disk and update_disk."""

from __future__ import annotations

from cpi.conformance.case import case, documented
from cpi.conformance.trial import Trial
from cpi.contract import DiskNotFound, MethodNotImplemented, NotSupported


@case(
    "disk.resize",
    must="resize_disk must grow a detached disk, which keeps its CID and can be attached afterwards.",
    why="Otherwise the director has to copy all data to a new disk.",
    source=documented("resize_disk"),
    needs=("resize_disk",),
)
async def resize(trial: Trial) -> None:
    vm, disk = await trial.vm(), await trial.new_disk()
    await trial.call("resize_disk", disk, trial.config.disk_grown)
    if trial.declares("has_disk"):
        trial.expect(await trial.is_there("disk", disk), "after resize_disk has_disk is false")
    await trial.call("attach_disk", vm.cid, disk)
    await trial.call("detach_disk", vm.cid, disk)


@case(
    "disk.resize.shrink",
    must="resize_disk to a smaller size must raise NotSupported or NotImplemented.",
    why="On these answers the director copies the data; a disk that was cut off has lost some of it.",
    source=documented("resize_disk"),
    needs=("resize_disk",),
)
async def shrink(trial: Trial) -> None:
    disk = await trial.new_disk(trial.config.disk_grown)
    await trial.refused("resize_disk", disk, trial.config.disk_size, by=(NotSupported, MethodNotImplemented))


@case(
    "disk.resize.gone",
    must="resize_disk of a disk that is gone must raise DiskNotFound.",
    why="Silence would be taken for a disk that has grown.",
    source=documented("resize_disk"),
    needs=("resize_disk",),
)
async def resize_gone(trial: Trial) -> None:
    await trial.refused("resize_disk", await trial.gone("disk"), trial.config.disk_grown, by=(DiskNotFound,))


@case(
    "disk.update",
    must="update_disk must answer null or the disk's new CID, or raise NotSupported or NotImplemented.",
    why="The director keeps the CID that it answers; without one it goes on with the old.",
    source=documented("update_disk"),
    needs=("update_disk",),
)
async def update(trial: Trial) -> None:
    vm, disk = await trial.vm(), await trial.new_disk()
    properties = dict(trial.config.disk_properties)
    answer = await trial.attempt("update_disk", disk, trial.config.disk_grown, properties)
    if isinstance(answer, NotSupported | MethodNotImplemented):
        return
    good = answer is None or (isinstance(answer, str) and answer)
    trial.expect(good, f"it answered {answer!r}")
    if isinstance(answer, str) and answer != disk:
        trial.ledger.took("disk", answer)
        disk = answer
    await trial.call("attach_disk", vm.cid, disk)
    await trial.call("detach_disk", vm.cid, disk)
