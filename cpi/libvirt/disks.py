"""Persistent disks: sparse raw files, each with a record that says whose it is."""

from __future__ import annotations

from collections.abc import Mapping

from cpi.contract import Call, CloudError, DiskHint, DiskNotFound, Json, NotSupported
from cpi.libvirt import attachments
from cpi.libvirt.config import Config
from cpi.libvirt.errors import told
from cpi.libvirt.guest import Guest
from cpi.libvirt.names import cid_of
from cpi.libvirt.properties import DiskProperties
from cpi.libvirt.records import Fields, Shelf, text

MIB = 1024 * 1024
FILE = "disk.raw"


def create(config: Config, call: Call, size: int, cloud_properties: Json) -> str:
    """Make a disk of `size` MiB, or find the one of this key."""
    DiskProperties.parse(cloud_properties, config)
    cid, shelf = cid_of(config.prefix, "disk", call.key), Shelf(config.state_dir, "disk")
    with told(f"create disk '{cid}'", config.uri), shelf.lock(cid, call):
        record = shelf.read(cid)
        if record is not None:
            if record.get("size") != size:
                raise CloudError(f"disk '{cid}' exists with {record.get('size')} MiB, not {size}; use another key")
            return cid
        folder = shelf.folder(cid)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (folder / FILE).open("wb") as file:
            file.truncate(size * MIB)
        shelf.write(cid, {"cid": cid, "key": call.key, "size": size, "cloud_properties": dict(cloud_properties)})
        return cid


def delete(config: Config, guest: Guest, call: Call, cid: str) -> None:
    """Remove a disk that is attached nowhere."""
    shelf = Shelf(config.state_dir, "disk")
    if not shelf.folder(cid).exists():
        return
    with told(f"delete disk '{cid}'", config.uri), shelf.lock(cid, call):
        holder = text(shelf.read(cid) or {}, "vm")
        if holder:
            raise CloudError(f"disk '{cid}' is attached to VM '{holder}'; detach it first")
        guest.free_disk(shelf.folder(cid) / FILE)
        shelf.remove(cid)


def exists(config: Config, cid: str) -> bool:
    """Whether the disk is there."""
    return Shelf(config.state_dir, "disk").read(cid) is not None


def attach(config: Config, guest: Guest, call: Call, vm_cid: str, disk_cid: str) -> DiskHint:
    """Attach it, live if the VM runs; the hint says where the agent finds it."""
    with told(f"attach disk '{disk_cid}' to VM '{vm_cid}'", config.uri), attachments.Held(config, call, vm_cid) as vm:
        return DiskHint(guest.hint(attachments.attach(config, guest, call, vm, disk_cid)))


def detach(config: Config, guest: Guest, call: Call, vm_cid: str, disk_cid: str) -> None:
    """Detach it; data is kept."""
    with told(f"detach disk '{disk_cid}' of VM '{vm_cid}'", config.uri), attachments.Held(config, call, vm_cid) as vm:
        attachments.detach(config, guest, call, vm, disk_cid)


def resize(config: Config, guest: Guest, call: Call, cid: str, size: int) -> None:
    """Grow the disk; an attached one at once."""
    shelf = Shelf(config.state_dir, "disk")
    with told(f"resize disk '{cid}'", config.uri), shelf.lock(cid, call):
        record = _record(config, shelf, cid)
        _grow(guest, shelf, cid, record, size)
        shelf.write(cid, {**record, "size": size})


def update(config: Config, guest: Guest, call: Call, cid: str, size: int, cloud_properties: Json) -> None:
    """Change size and properties in place: no new CID."""
    DiskProperties.parse(cloud_properties, config)
    shelf = Shelf(config.state_dir, "disk")
    with told(f"update disk '{cid}'", config.uri), shelf.lock(cid, call):
        record = _record(config, shelf, cid)
        _grow(guest, shelf, cid, record, size)
        shelf.write(cid, {**record, "size": size, "cloud_properties": dict(cloud_properties)})


def set_metadata(config: Config, call: Call, cid: str, tags: Mapping[str, str]) -> None:
    """Keep the tags in the disk's record."""
    shelf = Shelf(config.state_dir, "disk")
    with told(f"set metadata of disk '{cid}'", config.uri), shelf.lock(cid, call):
        shelf.write(cid, {**_record(config, shelf, cid), "metadata": dict(tags)})


def find(config: Config, call: Call, key: str) -> str | None:
    """The disk of this key; one without a record, whose creator is dead, is removed."""
    cid, shelf = cid_of(config.prefix, "disk", key), Shelf(config.state_dir, "disk")
    with shelf.lock(cid, call):
        if shelf.read(cid) is not None:
            return cid
        if shelf.folder(cid).exists():
            shelf.remove(cid)
        return None


def _grow(guest: Guest, shelf: Shelf, cid: str, record: Fields, size: int) -> None:
    old, file = record.get("size"), shelf.folder(cid) / FILE
    if not isinstance(old, int) or size < old:
        raise NotSupported(f"disk '{cid}' has {old} MiB and cannot shrink to {size}; copy it to a smaller one")
    with file.open("r+b") as opened:
        opened.truncate(size * MIB)
    if text(record, "vm"):
        guest.grow_disk(file)


def _record(config: Config, shelf: Shelf, cid: str) -> Fields:
    record = shelf.read(cid)
    if record is None:
        raise DiskNotFound(f"disk '{cid}' does not exist below {config.state_dir}")
    return record
