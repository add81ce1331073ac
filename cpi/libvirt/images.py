"""Stemcells: root trees unpacked once, each under a CID that follows from its content."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

from cpi.contract import Call, CloudError, DeadlineExceeded, Json, NoDiskSpace, StemcellNotFound
from cpi.libvirt.config import Config
from cpi.libvirt.errors import told
from cpi.libvirt.records import Shelf, text


def create(config: Config, call: Call, image_path: str, cloud_properties: Json, env: Json) -> str:
    """Unpack the image (a tar archive, compressed or not, of a root tree); the same image again costs its digest."""
    image = Path(image_path)
    with told(f"create stemcell from {image}", config.uri):
        digest = _digest(image, cloud_properties)
        cid, shelf = f"{config.prefix}-stemcell-{digest[:40]}", Shelf(config.state_dir, "stemcell")
        with shelf.lock(cid, call):
            record = shelf.read(cid)
            keys = _keys(record)
            if record is None:
                call.log(f"unpack {image} as {cid}")
                _unpack(call, image, shelf.folder(cid))
            if record is None or (call.key and call.key not in keys):
                tags = env.get("tags") or {}
                shelf.write(cid, {"cid": cid, "keys": [*keys, *([call.key] if call.key else [])], "tags": tags})
        return cid


def delete(config: Config, call: Call, cid: str) -> None:
    """Remove the tree, unless a VM stands on it."""
    shelf = Shelf(config.state_dir, "stemcell")
    if not shelf.folder(cid).exists():
        return
    with told(f"delete stemcell '{cid}'", config.uri), shelf.lock(cid, call):
        vms = Shelf(config.state_dir, "vm")
        users = [vm for vm in vms.cids() if text(vms.read(vm) or {}, "stemcell") == cid]
        if users:
            raise CloudError(f"stemcell '{cid}' is the root of {', '.join(users)}; delete these VMs first")
        shelf.remove(cid)


def tree(config: Config, cid: str) -> Path:
    """The unpacked tree; StemcellNotFound if there is none."""
    shelf = Shelf(config.state_dir, "stemcell")
    if shelf.read(cid) is None:
        raise StemcellNotFound(f"stemcell '{cid}' does not exist below {config.state_dir}")
    return shelf.folder(cid) / "root"


def find(config: Config, key: str) -> str | None:
    """The stemcell that was created under this key."""
    shelf = Shelf(config.state_dir, "stemcell")
    return next((cid for cid in shelf.cids() if key in _keys(shelf.read(cid))), None)


def _unpack(call: Call, image: Path, folder: Path) -> None:
    # The record is written after this: without one, a tree here is the remains of a call that died.
    shutil.rmtree(folder, ignore_errors=True)
    root = folder / "root"
    root.mkdir(parents=True)
    # The unpacking must not go on when its worker is killed: the next call begins anew in the same place.
    command = ["setpriv", "--pdeathsig", "KILL", "tar", "--extract", "--file", str(image), "--directory", str(root), "--numeric-owner", "--xattrs",
               "--xattrs-include=*", "--same-permissions", "--exclude=./dev/*", "--exclude=dev/*"]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=call.remaining(), check=False)
        if done.returncode != 0:
            kind = NoDiskSpace if "No space left" in done.stderr else CloudError
            raise kind(f"{image}: cannot be unpacked: {done.stderr.strip()[-500:]}")
        if not (root / "sbin").exists() or not (root / "etc").is_dir():
            raise CloudError(f"{image}: is no root tree (no /sbin or /etc); the stemcell format is libvirt-rootfs")
    except subprocess.TimeoutExpired as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise DeadlineExceeded(f"{image}: could not be unpacked within {error.timeout:.0f} s") from error
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _digest(image: Path, cloud_properties: Json) -> str:
    with image.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(dict(cloud_properties), sort_keys=True).encode())
    return digest.hexdigest()


def _keys(record: dict[str, object] | None) -> list[str]:
    keys = (record or {}).get("keys")
    return [str(key) for key in keys] if isinstance(keys, list) else []
