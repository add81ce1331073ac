"""Persistent disks of machines: volumes named by their CIDs. Whose they are is what the domains say."""

from __future__ import annotations

import string
import time
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass

import libvirt

from cpi.contract import Call, CloudError, DiskHint, DiskNotAttached, DiskNotFound, Json, NotSupported
from cpi.libvirt.config import Config
from cpi.libvirt.connection import connect
from cpi.libvirt.errors import told
from cpi.libvirt.machine import inside, pools, record, vms
from cpi.libvirt.machine.pools import MIB, Pool, VolumeSpec
from cpi.libvirt.machine.xml import Attached, disk_xml, disks_in, serial_of
from cpi.libvirt.names import cid_of
from cpi.libvirt.properties import DiskProperties
from cpi.libvirt.records import Shelf

TARGETS = [f"sd{letter}" for letter in string.ascii_lowercase]
DETACH_WAIT = 30.0


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk that is there. `size` is MiB."""

    cid: str
    pool: Pool
    volume: libvirt.virStorageVol
    size: int

    @property
    def name(self) -> str:
        """Its volume's."""
        return self.volume.name()


def create(config: Config, call: Call, size: int, cloud_properties: Json) -> str:
    """Make a disk of `size` MiB, or find the one of this key."""
    wanted = DiskProperties.parse(cloud_properties, config)
    cid = cid_of(config.prefix, "disk", call.key)
    with told(f"create disk '{cid}'", config.uri), lock(config, call, cid):
        there = look_up(config, cid)
        if there is not None:
            if there.size != size:
                raise CloudError(f"disk '{cid}' exists with {there.size} MiB, not {size}; use another key")
            return cid
        pools.of_name(config.uri, wanted.storage_pool).make(VolumeSpec(f"{cid}.{wanted.form}", size * MIB, wanted.form))
        return cid


def delete(config: Config, call: Call, cid: str) -> None:
    """Remove a disk that is attached nowhere."""
    with told(f"delete disk '{cid}'", config.uri), lock(config, call, cid):
        disk = look_up(config, cid)
        if disk is None:
            return
        holder = holder_of(config, disk)
        if holder is not None:
            raise CloudError(f"disk '{cid}' is attached to VM '{holder.name()}'; detach it first")
        pools.remove(disk.volume)


def exists(config: Config, cid: str) -> bool:
    """Whether the disk is there."""
    Shelf(config.state_dir, "disk").folder(cid)
    with told(f"look for disk '{cid}'", config.uri):
        return look_up(config, cid) is not None


def attach(config: Config, call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
    """Attach it, live if the machine runs; the hint is the serial number by which the guest finds it."""
    serial = serial_of(disk_cid)
    with (
        told(f"attach disk '{disk_cid}' to VM '{vm_cid}'", config.uri),
        vms.Held(config, call, vm_cid) as found,
        lock(config, call, disk_cid),
    ):
        disk = get(config, disk_cid)
        holder = holder_of(config, disk)
        if holder is not None and holder.name() != vm_cid:
            raise CloudError(f"disk '{disk_cid}' is attached to VM '{holder.name()}'; detach it there first")
        live, kept = _present(found, disk)
        if live is None or kept is None:
            present = live or kept or Attached(_free_target(found), disk.pool.name, disk.name, serial)
            call.check()
            flags = 0 if kept else libvirt.VIR_DOMAIN_AFFECT_CONFIG
            flags |= 0 if live or not found.isActive() else libvirt.VIR_DOMAIN_AFFECT_LIVE
            if flags:
                found.attachDeviceFlags(disk_xml(present, pools.form_of(disk.volume)), flags)
                call.log(f"disk '{disk_cid}' is on VM '{vm_cid}' with the serial {serial}")
        return DiskHint({"id": serial, "volume_id": serial})


def detach(config: Config, call: Call, vm_cid: str, disk_cid: str) -> None:
    """Detach it and wait until the machine has let go. A mounted disk is refused, where the guest agent tells of it."""
    with (
        told(f"detach disk '{disk_cid}' of VM '{vm_cid}'", config.uri),
        vms.Held(config, call, vm_cid) as found,
        lock(config, call, disk_cid),
    ):
        disk = get(config, disk_cid)
        live, kept = _present(found, disk)
        if live is None and kept is None:
            raise DiskNotAttached(f"disk '{disk_cid}' is not attached to VM '{vm_cid}'")
        if live is not None:
            place = inside.mounted_at(found, serial_of(disk_cid))
            if place:
                raise CloudError(f"disk '{disk_cid}' is mounted at {place} in VM '{vm_cid}'; unmount it there first")
            call.check()
            found.detachDeviceFlags(disk_xml(live, pools.form_of(disk.volume)), libvirt.VIR_DOMAIN_AFFECT_LIVE)
            _wait_gone(call, found, disk)
        if kept is not None:
            found.detachDeviceFlags(disk_xml(kept, pools.form_of(disk.volume)), libvirt.VIR_DOMAIN_AFFECT_CONFIG)
        known = record.read(found)
        if known is not None and disk_cid in dict(known.disks):
            record.write(found, known.with_tags(disk_cid, {}))
        call.log(f"disk '{disk_cid}' is detached from VM '{vm_cid}'")


def attached_to(config: Config, call: Call, vm_cid: str) -> list[str]:
    """CIDs of the disks on a machine that exists."""
    with told(f"list the disks of VM '{vm_cid}'", config.uri), vms.Held(config, call, vm_cid) as found:
        xml = found.XMLDesc(0)
        return sorted(one.volume.rpartition(".")[0] for one in disks_in(xml) if one.target in TARGETS)


def resize(config: Config, call: Call, cid: str, size: int) -> None:
    """Grow the disk; a running machine sees it at once."""
    with told(f"resize disk '{cid}'", config.uri), lock(config, call, cid):
        _grow(config, call, get(config, cid), size)


def update(config: Config, call: Call, cid: str, size: int, cloud_properties: Json) -> None:
    """Change the size in place. Another pool or form means another disk: NotSupported, and the director copies."""
    wanted = DiskProperties.parse(cloud_properties, config)
    with told(f"update disk '{cid}'", config.uri), lock(config, call, cid):
        disk = get(config, cid)
        form = disk.name.rpartition(".")[2]
        if (disk.pool.name, form) != (wanted.storage_pool, wanted.form):
            raise NotSupported(f"disk '{cid}' is {form} in pool '{disk.pool.name}' and stays so; copy it to a new one")
        _grow(config, call, disk, size)


def set_metadata(config: Config, call: Call, cid: str, tags: Mapping[str, str]) -> None:
    """Keep the tags in the domain of the machine that has the disk; a volume has no place for them."""
    with told(f"set metadata of disk '{cid}'", config.uri):
        disk = get(config, cid)
        holder = holder_of(config, disk)
        if holder is None:
            call.log(f"disk '{cid}' is attached nowhere: its tags are not kept")
            return
        with vms.Held(config, call, holder.name()) as found:
            known = record.read(found)
            if known is not None and _present(found, disk) != (None, None):
                record.write(found, known.with_tags(cid, tags))


def find(config: Config, call: Call, key: str) -> str | None:
    """The disk of this key."""
    cid = cid_of(config.prefix, "disk", key)
    with told(f"find disk of key '{key}'", config.uri), lock(config, call, cid):
        return cid if look_up(config, cid) is not None else None


def look_up(config: Config, cid: str) -> Disk | None:
    """The disk of this CID, in whatever pool it lies."""
    for pool in pools.usable(config.uri):
        for form in ("qcow2", "raw"):
            volume = pool.find(f"{cid}.{form}")
            if volume is not None:
                return Disk(cid, pool, volume, pools.size_of(volume) // MIB)
    return None


def get(config: Config, cid: str) -> Disk:
    """The same; DiskNotFound if there is none."""
    disk = look_up(config, cid)
    if disk is None:
        raise DiskNotFound(f"disk '{cid}' is in no active storage pool of libvirt at {config.uri}")
    return disk


def holder_of(config: Config, disk: Disk) -> libvirt.virDomain | None:
    """The domain that has the disk, running or by definition."""
    for domain in connect(config.uri).listAllDomains(0):
        try:
            if _present(domain, disk) != (None, None):
                return domain
        except libvirt.libvirtError as error:
            if error.get_error_code() != libvirt.VIR_ERR_NO_DOMAIN:
                raise
    return None


def lock(config: Config, call: Call, cid: str) -> AbstractContextManager[None]:
    """Hold the disk against other calls."""
    return Shelf(config.state_dir, "disk").lock(cid, call)


def live_target(found: libvirt.virDomain, disk: Disk) -> str:
    """The disk's name in a running domain; empty where it is not in it."""
    live, _ = _present(found, disk)
    return live.target if live is not None else ""


def _present(found: libvirt.virDomain, disk: Disk) -> tuple[Attached | None, Attached | None]:
    """How the running domain has it, and how its definition has it."""

    def of(xml: str) -> Attached | None:
        return next((one for one in disks_in(xml) if (one.pool, one.volume) == (disk.pool.name, disk.name)), None)

    kept = of(found.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))
    return (of(found.XMLDesc(0)) if found.isActive() else None), kept


def _free_target(found: libvirt.virDomain) -> str:
    used = {one.target for one in disks_in(found.XMLDesc(libvirt.VIR_DOMAIN_XML_INACTIVE))}
    used |= {one.target for one in disks_in(found.XMLDesc(0))}
    for target in TARGETS:
        if target not in used:
            return target
    raise CloudError(f"VM '{found.name()}' has {len(TARGETS)} persistent disks already; no name is left")


def _grow(config: Config, call: Call, disk: Disk, size: int) -> None:
    if size < disk.size:
        raise NotSupported(
            f"disk '{disk.cid}' has {disk.size} MiB and cannot shrink to {size}; copy it to a smaller one"
        )
    call.check()
    holder = holder_of(config, disk)
    target = live_target(holder, disk) if holder is not None else ""
    if holder is not None and target:
        holder.blockResize(target, size * MIB, libvirt.VIR_DOMAIN_BLOCK_RESIZE_BYTES)
    elif size > disk.size:
        disk.volume.resize(size * MIB, 0)


def _wait_gone(call: Call, found: libvirt.virDomain, disk: Disk) -> None:
    until = time.monotonic() + call.remaining(DETACH_WAIT)
    while found.isActive() and live_target(found, disk):
        if time.monotonic() >= until:
            raise CloudError(f"disk '{disk.cid}' did not leave VM '{found.name()}' within its time")
        time.sleep(0.02)
