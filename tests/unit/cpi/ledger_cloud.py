"""A small real CPI for the tests: its cloud is a directory of JSON files (property `dir`).

Cloud properties can ask for trouble: `sleep` (s), `gate` (a path: notes in `path.begun` that it begins, and waits for the path), `crash` (exit | segv), `fail` (an error type), `say` (a log line).
"""

from __future__ import annotations

import ctypes
import json
import logging
import os
import time
import uuid
from pathlib import Path

from cpi.contract import (
    ERRORS,
    Call,
    DiskHint,
    DiskNotAttached,
    DiskNotFound,
    Info,
    NotSupported,
    StemcellNotFound,
    VmCreated,
    VMNotFound,
    VmStatus,
    implements,
)


def _trouble(call, wanted):
    if "say" in wanted:
        call.log(wanted["say"])
        print("an SDK prints to stdout:", wanted["say"], flush=True)
        logging.getLogger("sdk").info("sdk says %s", wanted["say"])
    if "gate" in wanted:
        gate = Path(wanted["gate"])
        gate.with_suffix(".begun").touch()
        while not gate.exists():
            time.sleep(0.01)
    if "sleep" in wanted:
        time.sleep(wanted["sleep"])
    if wanted.get("crash") == "exit":
        os._exit(9)
    if wanted.get("crash") == "segv":
        ctypes.string_at(0)
    if wanted.get("crash") == "python":
        raise ZeroDivisionError("a bug of the plugin")
    if "fail" in wanted:
        raise ERRORS[wanted["fail"]](wanted.get("message", "asked to fail"), ok_to_retry=wanted.get("retry"))


def _path(call: Call, kind: str, cid: str) -> Path:
    folder = Path(str(call.properties["dir"])) / kind
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{cid}.json"


def _read(call, kind, cid, error):
    try:
        return json.loads(_path(call, kind, cid).read_text())
    except FileNotFoundError:
        raise error(f"{kind} '{cid}' is not here") from None


def _write(call, kind, cid, record):
    path = _path(call, kind, cid)
    new = path.with_suffix(f".{uuid.uuid4()}")
    new.write_text(json.dumps(record))
    new.rename(path)
    return cid


def _make(call, kind, record):
    found = find(call, kind, call.key) if call.key else None
    return found or _write(call, kind, f"{kind}-{uuid.uuid4()}", {"key": call.key, **record})


@implements
def info(call):
    return Info(("ledger-raw",), 3)


@implements
def create_stemcell(call, image_path, cloud_properties, env):
    _trouble(call, cloud_properties)
    return _make(call, "stemcell", {"image": image_path, "env": dict(env)})


@implements
def delete_stemcell(call, stemcell_cid):
    _path(call, "stemcell", stemcell_cid).unlink(missing_ok=True)


@implements
def create_vm(call, agent_id, stemcell_cid, cloud_properties, networks, disk_cids, env):
    _trouble(call, cloud_properties)
    _read(call, "stemcell", stemcell_cid, StemcellNotFound)
    settled = {name: {**network.raw, "mac": "52:54:00:00:00:01"} for name, network in networks.items()}
    record = {"agent_id": agent_id, "networks": settled, "env": dict(env), "disks": {}, "metadata": {}}
    return VmCreated(_make(call, "vm", record), settled)


@implements
def delete_vm(call, vm_cid):
    _path(call, "vm", vm_cid).unlink(missing_ok=True)


@implements
def reboot_vm(call, vm_cid):
    _read(call, "vm", vm_cid, VMNotFound)


@implements
def configure_networks(vm_cid):
    raise NotSupported(f"recreate {vm_cid}")


@implements
def has_vm(call, vm_cid):
    return _path(call, "vm", vm_cid).exists()


@implements
def set_vm_metadata(call, vm_cid, metadata):
    _write(call, "vm", vm_cid, {**_read(call, "vm", vm_cid, VMNotFound), "metadata": dict(metadata)})


@implements
def create_disk(call, size, cloud_properties, vm_cid):
    _trouble(call, cloud_properties)
    return _make(call, "disk", {"size": size})


@implements
def delete_disk(call, disk_cid):
    _path(call, "disk", disk_cid).unlink(missing_ok=True)


@implements
def has_disk(call, disk_cid):
    return _path(call, "disk", disk_cid).exists()


@implements
def resize_disk(call, disk_cid, size):
    record = _read(call, "disk", disk_cid, DiskNotFound)
    if size < record["size"]:
        raise NotSupported(f"disk {disk_cid} has {record['size']} MiB and cannot shrink to {size}")
    _write(call, "disk", disk_cid, {**record, "size": size})


@implements
def attach_disk(call, vm_cid, disk_cid):
    record = _read(call, "vm", vm_cid, VMNotFound)
    _read(call, "disk", disk_cid, DiskNotFound)
    device = record["disks"].setdefault(disk_cid, f"/dev/sd{chr(ord('b') + len(record['disks']))}")
    _write(call, "vm", vm_cid, record)
    return DiskHint({"path": device})


@implements
def detach_disk(call, vm_cid, disk_cid):
    record = _read(call, "vm", vm_cid, VMNotFound)
    if record["disks"].pop(disk_cid, None) is None:
        raise DiskNotAttached(f"disk '{disk_cid}' is not attached to '{vm_cid}'")
    _write(call, "vm", vm_cid, record)


@implements
def get_disks(call, vm_cid):
    return list(_read(call, "vm", vm_cid, VMNotFound)["disks"])


@implements
def find_all(call, kind, keys):
    if "vm-wrong" in keys:
        return {"vm-wrong": 7}
    found = {key: find(call, kind, key) for key in keys}
    return {key: cid for key, cid in found.items() if cid}


@implements
def vm_status(call, vm_cids, console):
    found = {cid: has_vm(call, cid) for cid in vm_cids if cid != "vm-nobody-knows"}
    told = VmStatus(power="on", addresses=("10.0.0.2",), boot="1", console=f"password is s3cretpw, {console} bytes")
    return {cid: told if there else VmStatus(exists=False) for cid, there in found.items()}


@implements
def find(call, kind, key):
    for path in (Path(str(call.properties["dir"])) / kind).glob("*.json"):
        if json.loads(path.read_text()).get("key") == key:
            return path.stem
    return None
