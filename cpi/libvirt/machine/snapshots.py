"""Snapshots: whole copies of a disk at one point in time, as volumes of their own beside it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import cast
from xml.etree import ElementTree

import libvirt

from cpi.contract import Call, CloudError
from cpi.libvirt.config import Config
from cpi.libvirt.connection import connect, find_domain
from cpi.libvirt.errors import told
from cpi.libvirt.machine import disks, inside, pools
from cpi.libvirt.machine.disks import Disk
from cpi.libvirt.machine.pools import READY, VolumeSpec
from cpi.libvirt.machine.xml import disks_in, serial_of
from cpi.libvirt.names import cid_of
from cpi.libvirt.records import Shelf

Element = ElementTree.Element
sub = ElementTree.SubElement
NO_CHECKPOINT = cast(str, cast(object, None))
"""libvirt takes None, its stub says otherwise."""


def create(config: Config, call: Call, disk_cid: str, tags: Mapping[str, str]) -> str:
    """Copy the disk; a running machine writes on meanwhile, the copy is of the moment in which it began."""
    cid = cid_of(config.prefix, "snapshot", call.key)
    with (
        told(f"snapshot disk '{disk_cid}'", config.uri),
        Shelf(config.state_dir, "snapshot").lock(cid, call),
        disks.lock(config, call, disk_cid),
    ):
        disk = disks.get(config, disk_cid)
        mark = pools.mark(cid, READY, None)
        if disk.pool.find(mark) is not None:
            return cid
        _remove(config, cid)
        spec = VolumeSpec(f"{cid}.qcow2", pools.size_of(disk.volume))
        holder = disks.holder_of(config, disk)
        call.check()
        try:
            if holder is not None and disks.live_target(holder, disk):
                _copy_live(config, call, holder, disk, spec)
            else:
                disk.pool.copy(spec, disk.volume)
            disk.pool.put(mark, json.dumps({"disk": disk_cid, "tags": dict(tags)}).encode())
        except BaseException:
            _remove(config, cid)
            raise
        return cid


def delete(config: Config, call: Call, cid: str) -> None:
    """Remove it; quietly when it is gone."""
    with told(f"delete snapshot '{cid}'", config.uri), Shelf(config.state_dir, "snapshot").lock(cid, call):
        _remove(config, cid)


def find(config: Config, call: Call, key: str) -> str | None:
    """The snapshot of this key; an unfinished one, whose creator is dead, is removed."""
    cid = cid_of(config.prefix, "snapshot", key)
    with told(f"find snapshot of key '{key}'", config.uri), Shelf(config.state_dir, "snapshot").lock(cid, call):
        if pools.locate(config.uri, pools.mark(cid, READY, None)) is not None:
            return cid
        _remove(config, cid)
        return None


def _copy_live(config: Config, call: Call, holder: libvirt.virDomain, disk: Disk, spec: VolumeSpec) -> None:
    """By QEMU's own backup: it copies each block before the guest writes over it."""
    target = disks.live_target(holder, disk)
    path = disk.pool.make(spec).path()
    wish = Element("domainbackup")
    listed = sub(wish, "disks")
    for one in disks_in(holder.XMLDesc(0)):
        if one.target != target:
            sub(listed, "disk", {"name": one.target, "backup": "no"})
    wanted = sub(listed, "disk", {"name": target, "backup": "yes", "type": "file"})
    sub(wanted, "target", {"file": path})
    sub(wanted, "driver", {"type": "qcow2"})
    with inside.still(holder, config.uri, serial_of(disk.cid), call):
        flags = libvirt.VIR_DOMAIN_BACKUP_BEGIN_REUSE_EXTERNAL
        holder.backupBegin(ElementTree.tostring(wish, encoding="unicode"), NO_CHECKPOINT, flags)
    try:
        while _job(holder, 0).get("type", libvirt.VIR_DOMAIN_JOB_NONE) != libvirt.VIR_DOMAIN_JOB_NONE:
            call.check()
            time.sleep(0.05)
    except BaseException:
        _abort(holder)
        raise
    done = _job(holder, libvirt.VIR_DOMAIN_JOB_STATS_COMPLETED)
    if done.get("type") != libvirt.VIR_DOMAIN_JOB_COMPLETED or not done.get("success", True):
        raise CloudError(f"the copy of disk '{disk.cid}' broke off: {done.get('errmsg') or 'libvirt does not say why'}")


def _job(holder: libvirt.virDomain, flags: int) -> dict[str, object]:
    return cast("dict[str, object]", cast(object, holder.jobStats(flags)))


def _abort(holder: libvirt.virDomain) -> None:
    try:
        holder.abortJob()
    except libvirt.libvirtError as error:
        if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID:  # it has ended by itself
            raise


def _remove(config: Config, cid: str) -> None:
    """Mark first. A copy that is still being made, its worker being dead, is ended before its file goes."""
    for name in (pools.mark(cid, READY, None), f"{cid}.qcow2"):
        place = pools.locate(config.uri, name)
        if place is None:
            continue
        if name.endswith(".qcow2"):
            _end_copy(config, place[1].path())
        pools.remove(place[1])


def _end_copy(config: Config, path: str) -> None:
    for domain in connect(config.uri).listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_ACTIVE):
        try:
            if path in domain.backupGetXMLDesc(0):
                _abort(domain)
                while find_domain(config.uri, domain.name()) is not None and _copies(domain, path):
                    time.sleep(0.02)
        except libvirt.libvirtError as error:
            if error.get_error_code() not in (
                libvirt.VIR_ERR_NO_DOMAIN_BACKUP,
                libvirt.VIR_ERR_NO_DOMAIN,
                libvirt.VIR_ERR_OPERATION_INVALID,
            ):
                raise


def _copies(domain: libvirt.virDomain, path: str) -> bool:
    try:
        return path in domain.backupGetXMLDesc(0)
    except libvirt.libvirtError:
        return False
