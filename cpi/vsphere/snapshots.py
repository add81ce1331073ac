"""Snapshots of disks: copies beside them. What a running VM writes to, ESX holds locked: it says so, and there is none."""

from __future__ import annotations

from cpi.contract import NotSupported
from cpi.vsphere import disks, files, stores, tasks
from cpi.vsphere.disks import Disk
from cpi.vsphere.errors import told
from cpi.vsphere.inventory import Place
from cpi.vsphere.locks import lock
from cpi.vsphere.stores import MIB, Store

FOLDER = "snapshots"
LOCKED = ("FileLocked", "FileFault", "ResourceInUse", "InvalidState")


def create(place: Place, cid: str, disk_cid: str) -> str:
    """Copy the disk, or find the copy of this CID."""
    what = f"snapshot disk '{disk_cid}'"
    with lock(place.config, place.call, "disk", disk_cid), told(what, place.endpoint):
        disk = disks.held(place, disk_cid)
        if find(place, cid) is not None:
            return cid
        size = files.capacity(place, disk.store, disk.path) or 0
        stores.roomy(place, [disk.store], stores.disk_choice(place), size * MIB)
        target = _path(place, disk.store, cid)
        files.folder(place, target.rpartition("/")[0])
        try:
            tasks.run(
                place.session, place.call, what,
                lambda content: content.virtualDiskManager.CopyVirtualDisk_Task(
                    disk.path, place.dc, target, place.dc, None, False
                ),
            )  # fmt: skip
        except tasks.TaskFailed as failed:
            if failed.of(*LOCKED):
                raise NotSupported(
                    f"{failed.error.message}: a running VM has it locked", facts=place.facts()
                ) from failed
            if not failed.of("FileAlreadyExists"):
                raise failed.error from failed
        return cid


def delete(place: Place, cid: str) -> None:
    """Remove it; quietly when it is gone."""
    with told(f"delete snapshot '{cid}'", place.endpoint):
        found = find(place, cid)
        if found is None:
            return
        try:
            tasks.run(
                place.session, place.call, f"delete snapshot '{cid}'",
                lambda content: content.virtualDiskManager.DeleteVirtualDisk_Task(found.path, place.dc),
            )  # fmt: skip
        except tasks.TaskFailed as failed:
            if not failed.of("FileNotFound"):
                raise failed.error from failed


def find(place: Place, cid: str) -> Disk | None:
    """The copy of this CID."""
    for store in stores.of_datacenter(place):
        path = _path(place, store, cid)
        if store.usable and files.exists(place, store, path):
            return Disk(cid, store, path)
    return None


def settled(place: Place, cid: str) -> str | None:
    """The CID if the copy is there once all that vCenter has in hand is done."""
    tasks.settle(place.session, place.call)
    return cid if find(place, cid) is not None else None


def folder_of(place: Place) -> str:
    """The folder of snapshots on each datastore."""
    return f"{disks.folder_of(place)}/{FOLDER}"


def _path(place: Place, store: Store, cid: str) -> str:
    return f"[{store.name}] {folder_of(place)}/{cid}.vmdk"
