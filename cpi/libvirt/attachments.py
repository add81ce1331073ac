"""Disks on VMs: attached live and in the domain's definition, known by the disk's record."""

from __future__ import annotations

import string
import time
from collections.abc import Callable
from types import TracebackType

import libvirt

from cpi.contract import Call, CloudError, DiskNotAttached, DiskNotFound, VMNotFound
from cpi.libvirt.config import Config
from cpi.libvirt.connection import domain
from cpi.libvirt.domain import disk_xml, disks_in
from cpi.libvirt.guest import Guest
from cpi.libvirt.records import Fields, Shelf, text

TARGETS = [f"sd{letter}" for letter in string.ascii_lowercase[1:]]
DETACH_WAIT = 30.0
START_WAIT = 10.0


class Held:
    """`with Held(...) as domain`: the lock of a VM that exists."""

    def __init__(self, config: Config, call: Call, cid: str) -> None:
        self._config = config
        self._cid = cid
        self._shelf = Shelf(config.state_dir, "vm")
        self._lock = self._shelf.lock(cid, call)

    def __enter__(self) -> libvirt.virDomain:
        if self._shelf.read(self._cid) is None:
            raise VMNotFound(f"VM '{self._cid}' does not exist below {self._config.state_dir}")
        self._lock.__enter__()
        try:
            return domain(self._config.uri, self._cid)
        except BaseException:
            self._lock.__exit__(None, None, None)
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.__exit__(None, None, None)


def attach(config: Config, guest: Guest, call: Call, found: libvirt.virDomain, disk_cid: str) -> str:
    """Attach the disk at the next free /dev/sdX, or find it attached; its target. The caller holds the VM's lock."""
    disks, vm_cid = Shelf(config.state_dir, "disk"), found.name()
    with disks.lock(disk_cid, call):
        record = disks.read(disk_cid)
        if record is None:
            raise DiskNotFound(f"disk '{disk_cid}' does not exist below {config.state_dir}")
        holder = text(record, "vm")
        if holder not in ("", vm_cid):
            raise CloudError(f"disk '{disk_cid}' is attached to VM '{holder}'; detach it there first")
        source = guest.disk_source(disks.folder(disk_cid) / "disk.raw")
        present = _present(found)
        target = text(record, "target") if holder else ""
        if target and present.get(target) == source:
            return target
        try:
            if not target or target in present:
                target = _free_target(found, present, _promised(config, vm_cid))
            disks.write(disk_cid, {**record, "vm": vm_cid, "target": target})
            call.check()
            _when_started(call, found, lambda: found.attachDeviceFlags(disk_xml(source, target), _flags(found)))
            call.log(f"disk '{disk_cid}' is /dev/{target} ({source}) of VM '{vm_cid}'")
        except BaseException:
            guest.free_disk(disks.folder(disk_cid) / "disk.raw")
            disks.write(disk_cid, {**record, "vm": None, "target": None})
            raise
        return target


def detach(config: Config, guest: Guest, call: Call, found: libvirt.virDomain, disk_cid: str) -> None:
    """Detach the disk and wait until the VM does not see it. A mounted disk is refused: it would lose what is not written."""
    disks, vm_cid = Shelf(config.state_dir, "disk"), found.name()
    with disks.lock(disk_cid, call):
        record = disks.read(disk_cid)
        if record is None:
            raise DiskNotFound(f"disk '{disk_cid}' does not exist below {config.state_dir}")
        if text(record, "vm") != vm_cid:
            raise DiskNotAttached(f"disk '{disk_cid}' is not attached to VM '{vm_cid}'")
        target, file = text(record, "target"), disks.folder(disk_cid) / "disk.raw"
        source = _present(found).get(target)
        if source is not None:
            place = guest.disk_in_use(found.ID(), target, source) if found.isActive() else None
            if place is not None:
                raise CloudError(f"disk '{disk_cid}' is mounted at {place} in VM '{vm_cid}'; unmount it there first")
            _when_started(call, found, lambda: found.detachDeviceFlags(disk_xml(source, target), _flags(found)))
            _wait_gone(guest, call, found, target, disk_cid)
        if not guest.free_disk(file):
            raise CloudError(f"disk '{disk_cid}' is still in use by VM '{vm_cid}' after it was detached")
        disks.write(disk_cid, {**record, "vm": None, "target": None})
        call.log(f"disk '{disk_cid}' is detached from VM '{vm_cid}'")


def attached_to(config: Config, vm_cid: str) -> list[str]:
    """CIDs of the disks on a VM."""
    disks = Shelf(config.state_dir, "disk")
    return [cid for cid in disks.cids() if text(disks.read(cid) or {}, "vm") == vm_cid]


def drop_all(config: Config, guest: Guest, call: Call, vm_cid: str) -> None:
    """The VM is gone: its disks are free."""
    disks = Shelf(config.state_dir, "disk")
    for cid in attached_to(config, vm_cid):
        with disks.lock(cid, call):
            guest.free_disk(disks.folder(cid) / "disk.raw")
            record: Fields = disks.read(cid) or {}
            disks.write(cid, {**record, "vm": None, "target": None})


def renew(config: Config, guest: Guest, call: Call, vm_cid: str) -> None:
    """Before a start: the definition must name today's devices, whose numbers change when the host restarts."""
    disks, found = Shelf(config.state_dir, "disk"), domain(config.uri, vm_cid)
    present = _present(found)
    for cid in attached_to(config, vm_cid):
        source = guest.disk_source(disks.folder(cid) / "disk.raw")
        target = text(disks.read(cid) or {}, "target")
        if present.get(target) == source:
            continue
        call.log(f"disk '{cid}' of VM '{vm_cid}' is {source} now")
        if target in present:
            found.detachDeviceFlags(disk_xml(present[target], target), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        found.attachDeviceFlags(disk_xml(source, target), libvirt.VIR_DOMAIN_AFFECT_CONFIG)


def _present(found: libvirt.virDomain) -> dict[str, str]:
    present = disks_in(found.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    return {**present, **disks_in(found.XMLDesc(0))} if found.isActive() else present


def _promised(config: Config, vm_cid: str) -> set[str]:
    disks = Shelf(config.state_dir, "disk")
    return {text(disks.read(cid) or {}, "target") for cid in attached_to(config, vm_cid)}


def _free_target(found: libvirt.virDomain, present: dict[str, str], promised: set[str]) -> str:
    for target in TARGETS:
        if target not in present and target not in promised:
            return target
    raise CloudError(f"VM '{found.name()}' has no free device name left (sdb to sdz)")


def _flags(found: libvirt.virDomain) -> int:
    return libvirt.VIR_DOMAIN_AFFECT_CONFIG | (libvirt.VIR_DOMAIN_AFFECT_LIVE if found.isActive() else 0)


def _when_started(call: Call, found: libvirt.virDomain, change: Callable[[], object]) -> None:
    """libvirt refuses a live change until it has heard of the container's first process, a moment after the start."""
    until = time.monotonic() + call.remaining(START_WAIT)
    while True:
        try:
            change()
        except libvirt.libvirtError as error:
            if not _early(error) or not found.isActive() or time.monotonic() >= until:
                raise
            time.sleep(0.02)
        else:
            return


def _early(error: libvirt.libvirtError) -> bool:
    """Whether libvirt has not heard of the first process yet, or only of one that has given way to the next."""
    code, words = error.get_error_code(), str(error.get_error_message())
    return code == libvirt.VIR_ERR_OPERATION_INVALID or (
        code == libvirt.VIR_ERR_SYSTEM_ERROR and "mount namespace" in words
    )


def _wait_gone(guest: Guest, call: Call, found: libvirt.virDomain, target: str, disk_cid: str) -> None:
    until = time.monotonic() + call.remaining(DETACH_WAIT)
    while target in _present(found) or (found.isActive() and guest.has_device(found.ID(), target)):
        if time.monotonic() >= until:
            raise CloudError(f"disk '{disk_cid}' did not leave VM '{found.name()}' within its time")
        time.sleep(0.02)
