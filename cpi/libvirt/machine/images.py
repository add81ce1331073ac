"""Stemcells: disks in a storage pool, each under a CID that follows from its content."""

from __future__ import annotations

import hashlib
import json
import struct
import tarfile
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import libvirt

from cpi.contract import Call, CloudError, Json, StemcellNotFound
from cpi.libvirt.config import Config
from cpi.libvirt.connection import connect
from cpi.libvirt.errors import told
from cpi.libvirt.machine import pools, record
from cpi.libvirt.machine.pools import BEGUN, READY, VolumeSpec
from cpi.libvirt.properties import stemcell_pool
from cpi.libvirt.records import Shelf

QCOW2 = b"QFI\xfb"
USER_DATA = "user-data"
"""A file beside the disk in a stemcell's image: what its cloud-init shall do at the first start of a VM."""
LARGEST_USER_DATA = 16 << 20


@dataclass(frozen=True, slots=True)
class Image:
    """The disk of a stemcell: its volume, where that lies, and the user data that goes with it."""

    volume: libvirt.virStorageVol
    form: str
    user_data: bytes


def create(config: Config, call: Call, image_path: str, cloud_properties: Json, env: Json) -> str:
    """Upload the disk in the image: an archive with it (root.img), or the disk itself; the same one again costs its digest."""
    pool_name, image = stemcell_pool(cloud_properties, config), Path(image_path)
    with told(f"create stemcell from {image}", config.uri):
        pool = pools.of_name(config.uri, pool_name)
        cid = f"{config.prefix}-stemcell-{_digest(image, cloud_properties)[:40]}"
        with Shelf(config.state_dir, "stemcell").lock(cid, call):
            there = pools.locate(config.uri, _disk_name(cid)) if _keys_of(config, cid) else None
            place, begun = there[0] if there else pool, None
            if there is None:
                _remove(config, cid)
                call.log(f"upload {image} as {cid} into pool '{pool.name}'")
                begun = pool.put(pools.mark(cid, BEGUN, call.key), b"begun")
                try:
                    _upload(call, pool, image, cid)
                except BaseException:
                    _remove(config, cid)
                    raise
            # Whoever asks for the key finds the disk only when it is whole: this comes last.
            if place.find(pools.mark(cid, READY, call.key)) is None:
                place.put(pools.mark(cid, READY, call.key), json.dumps({"tags": env.get("tags") or {}}).encode())
            if begun is not None:
                pools.remove(begun)
        return cid


def delete(config: Config, call: Call, cid: str) -> None:
    """Remove the disk, unless a VM stands on it."""
    with told(f"delete stemcell '{cid}'", config.uri), Shelf(config.state_dir, "stemcell").lock(cid, call):
        users = [domain.name() for domain in connect(config.uri).listAllDomains(0) if _stands_on(domain, cid)]
        if users:
            raise CloudError(f"stemcell '{cid}' is the root of {', '.join(sorted(users))}; delete these VMs first")
        _remove(config, cid)


def image_of(config: Config, cid: str) -> Image:
    """The disk of a whole stemcell; StemcellNotFound if there is none."""
    found = pools.locate(config.uri, _disk_name(cid)) if _keys_of(config, cid) else None
    if found is None:
        raise StemcellNotFound(f"stemcell '{cid}' is in no active storage pool of libvirt at {config.uri}")
    pool, volume = found
    data = pool.find(f"{cid}.user-data")
    user_data = pools.end_of(config.uri, data, LARGEST_USER_DATA) if data is not None else b""
    return Image(volume, pools.form_of(volume), user_data)


def find(config: Config, call: Call, key: str) -> str | None:
    """The stemcell that was created under this key. One whose upload was broken off is removed: None is then final."""
    with told(f"find stemcell of key '{key}'", config.uri):
        names = [name for pool in pools.usable(config.uri) for name in pool.names()]
        for state in (READY, BEGUN):
            for name in names:
                cid = name.partition(f".{state}-")[0]
                if cid.startswith(f"{config.prefix}-stemcell-") and name == pools.mark(cid, state, key):
                    return cid if state == READY else _settled(config, call, cid, key)
        return None


def _settled(config: Config, call: Call, cid: str, key: str) -> str | None:
    with Shelf(config.state_dir, "stemcell").lock(cid, call):
        if pools.locate(config.uri, pools.mark(cid, READY, key)) is not None:
            return cid
        if not _keys_of(config, cid):
            call.log(f"stemcell '{cid}' was not uploaded to its end: it is removed")
            _remove(config, cid)
        return None


def _upload(call: Call, pool: pools.Pool, image: Path, cid: str) -> None:
    made = False
    for name, data, size in _parts(image):
        if name == USER_DATA:
            if size > LARGEST_USER_DATA:
                raise CloudError(f"{image}: {USER_DATA} has {size} bytes; at most {LARGEST_USER_DATA} are taken")
            pool.put(f"{cid}.user-data", data.read())
        elif not made:
            made = True
            head = data.read(32)
            whole = VolumeSpec(_disk_name(cid), _virtual_size(image, head, size), "qcow2" if _is_qcow2(head) else "raw")
            pool.fill(whole, size, _checked(call, head, data))
    if not made:
        raise CloudError(f"{image}: is an archive without a disk (root.img)")


def _parts(image: Path) -> Generator[tuple[str, IO[bytes], int]]:
    """Name, data and size of each file in the image; read once through, nothing is unpacked to disk."""
    with image.open("rb") as raw:
        head = raw.read(512)
    if head[:2] != b"\x1f\x8b" and head[257:262] != b"ustar":
        with image.open("rb") as raw:
            yield "root.img", raw, image.stat().st_size
        return
    try:
        with tarfile.open(image, "r|*") as archive:
            for member in archive:
                data = archive.extractfile(member) if member.isfile() else None
                if data is not None:
                    yield Path(member.name).name, data, member.size
    except (tarfile.TarError, EOFError) as error:
        raise CloudError(f"{image}: cannot be unpacked: {error}") from error


def _virtual_size(image: Path, head: bytes, size: int) -> int:
    """Bytes that a guest sees (qcow2: 8 bytes, big-endian, at offset 24)."""
    if not _is_qcow2(head):
        return size
    if len(head) < 32 or head[8:16] != bytes(8):
        raise CloudError(
            f"{image}: the disk stands on another file, which is not here; make it whole with qemu-img convert"
        )
    return int(struct.unpack(">Q", head[24:32])[0])


def _is_qcow2(head: bytes) -> bool:
    return head[: len(QCOW2)] == QCOW2


def _checked(call: Call, head: bytes, data: IO[bytes]) -> Callable[[int], bytes]:
    first = [head]

    def read(size: int) -> bytes:
        call.check()
        return first.pop() if first else data.read(size)

    return read


def _stands_on(domain: libvirt.virDomain, cid: str) -> bool:
    try:
        found = record.read(domain)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_DOMAIN:
            return False
        raise
    return found is not None and found.stemcell == cid


def _keys_of(config: Config, cid: str) -> list[str]:
    """Names of the marks that say that it is whole."""
    return [name for pool in pools.usable(config.uri) for name in pool.names() if name.startswith(f"{cid}.{READY}-")]


def _remove(config: Config, cid: str) -> None:
    """The marks go first, and that of the beginning last: what is half gone is not found as whole, and is found as begun."""
    order = {READY: 0, BEGUN: 2}
    for pool in pools.usable(config.uri):
        names = [name for name in pool.names() if name.startswith(f"{cid}.")]
        for name in sorted(names, key=lambda name: order.get(name[len(cid) + 1 :].partition("-")[0], 1)):
            volume = pool.find(name)
            if volume is not None:
                pools.remove(volume)


def _disk_name(cid: str) -> str:
    return f"{cid}.qcow2"


def _digest(image: Path, cloud_properties: Json) -> str:
    with image.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    digest.update(json.dumps(dict(cloud_properties), sort_keys=True).encode())
    return digest.hexdigest()
