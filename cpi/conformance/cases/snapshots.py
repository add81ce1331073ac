"""snapshot_disk and delete_snapshot."""

from __future__ import annotations

from cpi.conformance.case import case, documented
from cpi.conformance.trial import Trial
from cpi.contract import DiskNotFound, SnapshotNotFound

METADATA = {
    "deployment": "conformance", "job": "router", "index": "0", "director_name": "kit", "director_uuid": "kit",
    "agent_id": "kit", "instance_id": "c0ffee00-0000-4000-8000-000000000000",
}  # fmt: skip


@case(
    "snapshot.create",
    must="snapshot_disk must answer the CID of a new snapshot, of an attached and of a detached disk alike.",
    why="Self snapshots are taken of disks in use.",
    source=documented("snapshot_disk"),
    needs=("snapshot_disk", "delete_snapshot"),
)
async def create(trial: Trial) -> None:
    vm, disk = await trial.vm(), await trial.new_disk()
    _, first, _ = await trial.make("snapshot", [disk, METADATA], method="snapshot_disk")
    await trial.call("attach_disk", vm.cid, disk)
    _, second, _ = await trial.make("snapshot", [disk, METADATA], method="snapshot_disk")
    await trial.call("detach_disk", vm.cid, disk)
    trial.expect(first != second, f"two snapshots have the CID '{first}'")


@case(
    "snapshot.unknown-disk",
    must="snapshot_disk of a disk that is gone must raise DiskNotFound.",
    why="A snapshot of nothing would be taken for a copy of the data.",
    source=documented("snapshot_disk"),
    needs=("snapshot_disk",),
)
async def unknown(trial: Trial) -> None:
    await trial.refused("snapshot_disk", await trial.gone("disk"), METADATA, by=(DiskNotFound,))


@case(
    "snapshot.delete",
    must="delete_snapshot must remove the snapshot and keep the disk.",
    why="Snapshots are deleted by the dozen while their disks are in use.",
    source=documented("delete_snapshot"),
    needs=("snapshot_disk", "delete_snapshot"),
)
async def delete(trial: Trial) -> None:
    disk = await trial.new_disk()
    before = await trial.inventory()
    _, cid, _ = await trial.make("snapshot", [disk, METADATA], method="snapshot_disk")
    await trial.call("delete_snapshot", cid)
    trial.ledger.drop(cid)
    after = await trial.inventory()
    trial.expect(before == after, f"delete_snapshot left {sorted((after or set()) ^ (before or set()))}")
    if trial.declares("has_disk"):
        trial.expect(await trial.is_there("disk", disk), "after delete_snapshot the disk is gone")


@case(
    "snapshot.delete.gone",
    must="delete_snapshot of a snapshot that is gone must succeed, or raise SnapshotNotFound.",
    why="A clean-up whose first try was cut off is repeated; it must come to its end.",
    source=documented("delete_snapshot"),
    needs=("snapshot_disk", "delete_snapshot"),
)
async def delete_gone(trial: Trial) -> None:
    await trial.tolerated("delete_snapshot", await trial.gone("snapshot"), by=(SnapshotNotFound,))
