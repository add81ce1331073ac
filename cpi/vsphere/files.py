"""Files on datastores: whether one exists, how large a disk is, which VM holds it."""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from cpi.vsphere import reads, tasks
from cpi.vsphere.inventory import Place
from cpi.vsphere.stores import Store


def exists(place: Place, store: Store, path: str) -> bool:
    """Whether a disk is at this path. The folder is searched: a disk that a running VM holds cannot be opened."""
    return _look(place, store, path, vim.host.DatastoreBrowser.VmDiskQuery()) is not None


def folder(place: Place, path: str) -> None:
    """Make a folder and those above it; one that is there already is fine."""
    try:
        place.session.ask(place.call, lambda content: content.fileManager.MakeDirectory(path, place.dc, True))
    except vim.fault.FileAlreadyExists:
        return


def remove(place: Place, path: str) -> None:
    """Remove a file, quietly if it is gone."""
    try:
        tasks.run(
            place.session, place.call, f"remove {path}",
            lambda content: content.fileManager.DeleteDatastoreFile_Task(path, place.dc),
        )  # fmt: skip
    except tasks.TaskFailed as failed:
        if not failed.of("FileNotFound", "CannotDeleteFile"):
            raise failed.error from failed


def capacity(place: Place, store: Store, path: str) -> int | None:
    """A disk's size in MiB, None if vCenter does not tell."""
    details = vim.host.DatastoreBrowser.VmDiskQuery.Details(capacityKb=True)
    found = _look(place, store, path, vim.host.DatastoreBrowser.VmDiskQuery(details=details))
    size = getattr(found, "capacityKb", None)
    return int(size) // 1024 if size else None


def holder(place: Place, path: str) -> tuple[Any, str] | None:
    """The VM below `vm_folder` that a disk is attached to, and its name."""
    paths = ("name", "layout.disk")
    for vm, values in reads.below(place.session, place.call, place.vm_folder(), vim.VirtualMachine, paths):
        layouts = values.get("layout.disk") or []
        if any(path in (layout.diskFile or []) for layout in layouts):
            return vm, str(values.get("name"))
    return None


def disks_in(place: Place, store: Store, folder: str) -> set[str]:
    """Names of the disks in a folder of a datastore, without their ending."""
    path = f"[{store.name}] {folder}"
    found = _search(place, store, path, "*.vmdk", vim.host.DatastoreBrowser.VmDiskQuery())
    return {str(one.path).removesuffix(".vmdk") for one in found}


def _look(place: Place, store: Store, path: str, query: Any) -> Any:
    folder, _, name = path.rpartition("/")
    return next((one for one in _search(place, store, folder, name, query) if one.path == name), None)


def _search(place: Place, store: Store, folder: str, pattern: str, query: Any) -> list[Any]:
    browser = (place.read(store.ref, "browser") or {})["browser"]
    flags = vim.host.DatastoreBrowser.FileInfo.Details(
        fileType=True, fileSize=True, modification=False, fileOwner=False
    )
    spec = vim.host.DatastoreBrowser.SearchSpec(query=[query], matchPattern=[pattern], details=flags)
    try:
        found = tasks.run(
            place.session, place.call, f"look into {folder}", lambda _: browser.SearchDatastore_Task(folder, spec)
        )
    except tasks.TaskFailed as failed:
        if failed.of("FileNotFound"):
            return []
        raise failed.error from failed
    return list(found.file or [])
