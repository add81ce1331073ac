"""Snapshots: copies of a disk's file at one point in time."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import libvirt

from cpi.contract import Call, DiskNotFound
from cpi.libvirt.config import Config
from cpi.libvirt.connection import find_domain
from cpi.libvirt.disks import FILE
from cpi.libvirt.domain import disks_in
from cpi.libvirt.errors import told
from cpi.libvirt.guest import Guest
from cpi.libvirt.names import cid_of
from cpi.libvirt.records import Fields, Shelf, text

CHUNK = 64 * 1024 * 1024


def create(config: Config, guest: Guest, call: Call, disk_cid: str, tags: Mapping[str, str]) -> str:
    """Copy the disk; where a running VM has it mounted, that file system stands still meanwhile."""
    cid = cid_of(config.prefix, "snapshot", call.key)
    shelf, disks = Shelf(config.state_dir, "snapshot"), Shelf(config.state_dir, "disk")
    with told(f"snapshot disk '{disk_cid}'", config.uri), shelf.lock(cid, call), disks.lock(disk_cid, call):
        if shelf.read(cid) is not None:
            return cid
        disk = disks.read(disk_cid)
        if disk is None:
            raise DiskNotFound(f"disk '{disk_cid}' does not exist below {config.state_dir}")
        folder = shelf.folder(cid)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            with _still(config, guest, disk):
                _copy(call, disks.folder(disk_cid) / FILE, folder / FILE)
        except BaseException:
            shelf.remove(cid)
            raise
        record = Fields(cid=cid, key=call.key, disk=disk_cid, size=disk.get("size"), metadata=dict(tags))
        shelf.write(cid, record)
        return cid


def delete(config: Config, call: Call, cid: str) -> None:
    """Remove it; quietly when it is gone."""
    shelf = Shelf(config.state_dir, "snapshot")
    if shelf.folder(cid).exists():
        with told(f"delete snapshot '{cid}'", config.uri), shelf.lock(cid, call):
            shelf.remove(cid)


def find(config: Config, call: Call, key: str) -> str | None:
    """The snapshot of this key; an unfinished one, whose creator is dead, is removed."""
    cid, shelf = cid_of(config.prefix, "snapshot", key), Shelf(config.state_dir, "snapshot")
    with shelf.lock(cid, call):
        if shelf.read(cid) is not None:
            return cid
        if shelf.folder(cid).exists():
            shelf.remove(cid)
        return None


def _still(config: Config, guest: Guest, disk: Fields) -> AbstractContextManager[None]:
    found = find_domain(config.uri, text(disk, "vm")) if text(disk, "vm") else None
    if found is None or not found.isActive():
        return nullcontext()
    target = text(disk, "target")
    source = disks_in(found.XMLDesc(libvirt.VIR_DOMAIN_XML_SECURE)).get(target)
    place = guest.disk_in_use(found.ID(), target, source) if source else None
    return guest.still(found.ID(), place) if place else nullcontext()


def _copy(call: Call, source: Path, target: Path) -> None:
    """Only what is data: holes stay holes."""
    with source.open("rb") as old, target.open("wb") as new:
        size, position = os.fstat(old.fileno()).st_size, 0
        new.truncate(size)
        while position < size:
            try:
                start = os.lseek(old.fileno(), position, os.SEEK_DATA)
            except OSError as error:
                if error.errno == errno.ENXIO:  # nothing but a hole is left
                    break
                raise
            end = position = os.lseek(old.fileno(), start, os.SEEK_HOLE)
            while start < end:
                call.check()
                done = os.copy_file_range(old.fileno(), new.fileno(), min(CHUNK, end - start), start, start)
                if done == 0:
                    break
                start += done
        os.fsync(new.fileno())
