"""Persistent disks: files of their own below `disk_path`, found by their name on whichever datastore they lie."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from pyVmomi import vim

from cpi.contract import CloudError, DiskHint, DiskNotAttached, DiskNotFound, NotSupported
from cpi.vsphere import devices, files, stores, tasks
from cpi.vsphere.errors import told
from cpi.vsphere.inventory import Place
from cpi.vsphere.locks import lock
from cpi.vsphere.stores import MIB, Store
from cpi.vsphere.vm_properties import DiskWish

ADAPTER = "lsiLogic"
LOWEST_UNIT = 2
"""Units 0 and 1 are the system's and the ephemeral disk's."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk's file."""

    cid: str
    store: Store
    path: str


def create(place: Place, cid: str, size: int, wish: DiskWish, vm_cid: str | None) -> str:
    """Make a disk of `size` MiB near a VM, or find the one of this CID."""
    with lock(place.config, place.call, "disk", cid), told(f"create disk '{cid}'", place.endpoint):
        found = find(place, cid)
        if found is not None:
            has = files.capacity(place, found.store, found.path)
            if has is not None and has != size:
                raise CloudError(f"disk '{cid}' exists with {has} MiB, not {size}; use another key")
            return cid
        known = _reachable(place, vm_cid)
        choice = wish.choice or stores.disk_choice(place)
        stores.unmixed(place, known)
        store = stores.roomy(place, stores.chosen(place, known, choice), choice, size * MIB, _near(place, vm_cid))
        path = path_of(place, store, cid)
        files.folder(place, path.rpartition("/")[0])
        spec = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(
            diskType="preallocated" if wish.type == "thick" else wish.type,
            adapterType=ADAPTER,
            capacityKb=size * 1024,
        )
        _run(place, f"create disk '{cid}'", lambda m: m.CreateVirtualDisk_Task(path, place.dc, spec), ("FileAlreadyExists",))  # fmt: skip
        place.call.log(f"disk '{cid}' lies on datastore {store.name}")
        return cid


def delete(place: Place, cid: str) -> None:
    """Remove a disk that is attached nowhere."""
    with lock(place.config, place.call, "disk", cid), told(f"delete disk '{cid}'", place.endpoint):
        found = find(place, cid)
        if found is None:
            return
        holder = files.holder(place, found.path)
        if holder is not None:
            raise CloudError(f"disk '{cid}' is attached to VM '{holder[1]}'; detach it first", facts=place.facts())
        _run(place, f"delete disk '{cid}'", lambda m: m.DeleteVirtualDisk_Task(found.path, place.dc), ("FileNotFound",))


def find(place: Place, cid: str) -> Disk | None:
    """The disk of this CID, None if no datastore has it. Those that are meant for disks are asked first."""
    known = stores.of_datacenter(place)
    meant = {store.id for store in stores.chosen(place, known, stores.disk_choice(place))}
    for store in sorted(known, key=lambda store: store.id not in meant):
        path = path_of(place, store, cid)
        if store.usable and files.exists(place, store, path):
            return Disk(cid, store, path)
    return None


def settled(place: Place, cid: str) -> str | None:
    """The CID if the disk is there once all that vCenter has in hand is done."""
    with lock(place.config, place.call, "disk", cid):
        tasks.settle(place.session, place.call)
        return cid if find(place, cid) is not None else None


def attach(place: Place, vm_cid: str, disk_cid: str) -> DiskHint:
    """Attach it, moved to a datastore that the VM's hosts see if it must be; attached already: the same hint again."""
    what = f"attach disk '{disk_cid}' to VM '{vm_cid}'"
    with lock(place.config, place.call, "vm", vm_cid), lock(place.config, place.call, "disk", disk_cid), told(what, place.endpoint):  # fmt: skip
        vm, disk = place.vm(vm_cid), held(place, disk_cid)
        found = _devices(place, vm, vm_cid)
        device = _device(found, disk.path)
        if device is None:
            holder = files.holder(place, disk.path)
            if holder is not None:
                raise CloudError(f"disk '{disk_cid}' is attached to VM '{holder[1]}'; detach it first", facts=place.facts())  # fmt: skip
            disk = _moved(place, vm, disk)
            key = devices.controller(place, found).key
            unit = devices.free_unit(place, found, key, LOWEST_UNIT)
            size = files.capacity(place, disk.store, disk.path) or 1
            added = devices.disk(disk.store.ref, disk.path, key, unit, size, "", persistent=True)
            added.backing.thinProvisioned = added.backing.eagerlyScrub = None
            spec = vim.vm.ConfigSpec(deviceChange=[devices.added(added)])
            _reconfigure(place, vm, what, spec)
            device = _device(_devices(place, vm, vm_cid), disk.path)
            if device is None:
                raise CloudError(f"{what}: vCenter did it, but the VM has no such disk", facts=place.facts())
        return DiskHint(hint(device))


def hint(device: Any) -> str | dict[str, object]:
    """How the agent finds it: by the disk's UUID where vCenter tells it, else by its unit."""
    uuid = str(getattr(device.backing, "uuid", None) or "")
    return {"id": uuid.lower()} if uuid else str(device.unitNumber)


def detach(place: Place, vm_cid: str, disk_cid: str) -> None:
    """Detach it; its file is kept."""
    what = f"detach disk '{disk_cid}' of VM '{vm_cid}'"
    with lock(place.config, place.call, "vm", vm_cid), lock(place.config, place.call, "disk", disk_cid), told(what, place.endpoint):  # fmt: skip
        vm, disk = place.vm(vm_cid), held(place, disk_cid)
        device = _device(_devices(place, vm, vm_cid), disk.path)
        if device is None:
            raise DiskNotAttached(f"disk '{disk_cid}' is not attached to VM '{vm_cid}'", facts=place.facts())
        _reconfigure(place, vm, what, vim.vm.ConfigSpec(deviceChange=[devices.removed(device)]))


def resize(place: Place, cid: str, size: int) -> None:
    """Grow it, attached or not."""
    what = f"resize disk '{cid}'"
    with lock(place.config, place.call, "disk", cid), told(what, place.endpoint):
        disk = held(place, cid)
        has = files.capacity(place, disk.store, disk.path) or 0
        if size < has:
            raise NotSupported(f"disk '{cid}' has {has} MiB and cannot shrink to {size}; copy it to a smaller one")
        if size == has:
            return
        if disk.store.free < (size - has) * MIB + stores.HEADROOM:
            stores.roomy(place, [disk.store], stores.disk_choice(place), (size - has) * MIB)
        holder = files.holder(place, disk.path)
        if holder is None:
            _run(place, what, lambda m: m.ExtendVirtualDisk_Task(disk.path, place.dc, size * 1024, False))
            return
        vm, name = holder
        device = _device(_devices(place, vm, name), disk.path)
        if device is not None:
            device.capacityInKB, device.capacityInBytes = size * 1024, size * MIB
            _reconfigure(place, vm, what, vim.vm.ConfigSpec(deviceChange=[devices.edited(device)]))


def attached_to(place: Place, vm_cid: str) -> list[str]:
    """CIDs of the persistent disks on a VM."""
    return [cid for cid, _ in persistent(place, _devices(place, place.vm(vm_cid), vm_cid))]


def persistent(place: Place, found: list[Any]) -> list[tuple[str, Any]]:
    """CID and device of each persistent disk among a VM's devices."""
    folder = folder_of(place)
    named: list[tuple[str, Any]] = []
    for device in devices.disks_of(found):
        path = str(device.backing.fileName).partition("] ")[2]
        if path.rpartition("/")[0] == folder:
            named.append((path.rpartition("/")[2].removesuffix(".vmdk"), device))
    return named


def held(place: Place, cid: str) -> Disk:
    """The disk of this CID; DiskNotFound otherwise."""
    found = find(place, cid)
    if found is None:
        raise DiskNotFound(
            f"disk '{cid}' does not exist on a datastore of datacenter {place.config.datacenter.name}",
            facts=place.facts(),
        )
    return found


def path_of(place: Place, store: Store, cid: str) -> str:
    """Where its file lies on a datastore."""
    return f"[{store.name}] {folder_of(place)}/{cid}.vmdk"


def folder_of(place: Place) -> str:
    """The folder of disks on each datastore."""
    return place.config.datacenter.disk_path.strip("/")


def _moved(place: Place, vm: Any, disk: Disk) -> Disk:
    host = (place.read(vm, "runtime.host") or {}).get("runtime.host")
    seen = stores.of_cluster(place, host) if host is not None else []
    if not seen or any(store.id == disk.store.id for store in seen):
        return disk
    choice = stores.disk_choice(place)
    size = files.capacity(place, disk.store, disk.path) or 1
    store = stores.roomy(place, stores.chosen(place, seen, choice), choice, size * MIB, _near(place, None))
    path = path_of(place, store, disk.cid)
    files.folder(place, path.rpartition("/")[0])
    place.call.log(f"disk '{disk.cid}' is moved from datastore {disk.store.name} to {store.name}")
    _run(place, f"move disk '{disk.cid}'", lambda m: m.MoveVirtualDisk_Task(disk.path, place.dc, path, place.dc, False))
    return Disk(disk.cid, store, path)


def _reachable(place: Place, vm_cid: str | None) -> list[Store]:
    vm = place.find_vm(vm_cid) if vm_cid else None
    host = (place.read(vm, "runtime.host") or {}).get("runtime.host") if vm is not None else None
    return stores.of_cluster(place, host) if host is not None else stores.of_datacenter(place)


def _near(place: Place, vm_cid: str | None) -> list[str]:
    vm = place.find_vm(vm_cid) if vm_cid else None
    return [one._moId for one in (place.read(vm, "datastore") or {}).get("datastore") or []] if vm is not None else []


def _devices(place: Place, vm: Any, vm_cid: str) -> list[Any]:
    values = place.read(vm, "config.hardware.device")
    if values is None:
        raise place.no_vm(vm_cid)
    return list(values.get("config.hardware.device") or [])


def _device(found: list[Any], path: str) -> Any:
    return next((one for one in devices.disks_of(found) if one.backing.fileName == path), None)


def _reconfigure(place: Place, vm: Any, what: str, spec: Any) -> None:
    try:
        tasks.run(place.session, place.call, what, lambda _: vm.ReconfigVM_Task(spec))
    except tasks.TaskFailed as failed:
        raise failed.error from failed


def _run(place: Place, what: str, begin: Any, ignored: tuple[str, ...] = ()) -> None:
    try:
        tasks.run(place.session, place.call, what, lambda content: begin(content.virtualDiskManager))
    except tasks.TaskFailed as failed:
        if not failed.of(*ignored):
            raise failed.error from failed
