"""Volumes in libvirt's storage pools. Their names tell what they are, so that nothing has to be remembered elsewhere.

CID.qcow2             a disk, a snapshot or a stemcell          CID.root.qcow2, CID.ephemeral.qcow2   a VM's own
CID.ready-KEYDIGEST   beside a stemcell or snapshot: it is whole  CID.config.iso, CID.console           a VM's own
"""

from __future__ import annotations

import contextlib
import hashlib
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from xml.etree import ElementTree

import libvirt

from cpi.contract import CloudError, NoDiskSpace
from cpi.libvirt.connection import connect

MIB = 1024 * 1024
KINDS = ("dir", "fs", "netfs")
"""Pools whose volumes are files: only in them a disk can stand on another one."""
CHUNK = 1 << 20
BUSY_WAIT = 60.0
"""Seconds in which a volume that is still being made must be whole, so that it can be removed."""
BEGUN, READY = "begun", "ready"
Element = ElementTree.Element
sub = ElementTree.SubElement


@dataclass(frozen=True, slots=True)
class VolumeSpec:
    """A volume to be made: `size` bytes; `backing` is the path of a qcow2 file it stands on."""

    name: str
    size: int
    form: str = "qcow2"
    backing: str = ""


class Pool:
    """One active storage pool."""

    def __init__(self, pool: libvirt.virStoragePool, uri: str) -> None:
        self._pool = pool
        self._uri = uri

    @property
    def name(self) -> str:
        """libvirt's name of it."""
        return self._pool.name()

    @property
    def path(self) -> str:
        """The folder of its volumes, on libvirt's host."""
        return _text(self._pool.XMLDesc(0), "./target/path")

    def find(self, name: str) -> libvirt.virStorageVol | None:
        """The volume of this name; None also where libvirt still knows one whose file has gone."""
        try:
            found = self._pool.storageVolLookupByName(name)
            found.info()
            return found
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_VOL:
                return None
            raise

    def names(self) -> list[str]:
        """Of all volumes."""
        return [volume.name() for volume in self._pool.listAllVolumes(0)]

    def make(self, spec: VolumeSpec) -> libvirt.virStorageVol:
        """Make an empty volume, or one that stands on another."""
        with self._room(spec.name):
            return self._pool.createXML(_xml(spec), 0)

    def copy(self, spec: VolumeSpec, source: libvirt.virStorageVol) -> libvirt.virStorageVol:
        """Make a volume with the data of another one that nobody uses; it is whole or not there."""
        with self._room(spec.name):
            return self._pool.createXMLFrom(_xml(spec), source, 0)

    def put(self, name: str, data: bytes) -> libvirt.virStorageVol:
        """Make a small raw volume out of `data`, which is not empty."""
        parts = iter([data])
        return self.fill(VolumeSpec(name, len(data), "raw"), len(data), lambda _size: next(parts, b""))

    def fill(self, spec: VolumeSpec, length: int, read: Callable[[int], bytes]) -> libvirt.virStorageVol:
        """Make a volume whose file is `length` bytes, as `read` gives them until it gives none. Broken off, it is removed."""
        made = self.make(spec)
        try:
            stream = connect(self._uri).newStream(0)
            try:
                made.upload(stream, 0, length, 0)
                with self._room(spec.name):
                    while data := read(CHUNK):
                        _send(stream, data)
                    stream.finish()
            except BaseException:
                with contextlib.suppress(libvirt.libvirtError):
                    stream.abort()
                raise
        except BaseException:
            remove(made)
            raise
        return made

    @contextlib.contextmanager
    def _room(self, name: str) -> Generator[None]:
        try:
            yield
        except libvirt.libvirtError as error:
            message = error.get_error_message() or ""
            if any(words in message for words in ("No space left", "File too large", "Not enough free space")):
                raise NoDiskSpace(f"volume '{name}' does not fit into pool '{self.name}': {message}") from error
            raise


def of_name(uri: str, name: str) -> Pool:
    """The active pool of this name and of a kind that serves; CloudError otherwise."""
    try:
        found = connect(uri).storagePoolLookupByName(name)
    except libvirt.libvirtError as error:
        if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_POOL:
            there = ", ".join(sorted(pool.name() for pool in connect(uri).listAllStoragePools(0))) or "none"
            raise CloudError(f"libvirt at {uri} has no storage pool '{name}'; there are: {there}") from error
        raise
    if not found.isActive():
        raise CloudError(f"storage pool '{name}' at {uri} is not active; start it with virsh pool-start")
    kind = ElementTree.fromstring(found.XMLDesc(0)).get("type", "")  # noqa: S314 - libvirt's own answer
    if kind not in KINDS:
        raise CloudError(f"storage pool '{name}' at {uri} is of type {kind}; disks need one of {', '.join(KINDS)}")
    return Pool(found, uri)


def usable(uri: str) -> list[Pool]:
    """All active pools of the right kind."""
    found = connect(uri).listAllStoragePools(libvirt.VIR_CONNECT_LIST_STORAGE_POOLS_ACTIVE)
    kinds = {pool: ElementTree.fromstring(pool.XMLDesc(0)).get("type", "") for pool in found}  # noqa: S314
    return [Pool(pool, uri) for pool, kind in kinds.items() if kind in KINDS]


def locate(uri: str, name: str) -> tuple[Pool, libvirt.virStorageVol] | None:
    """The volume of this name, in whatever pool it lies."""
    for pool in usable(uri):
        volume = pool.find(name)
        if volume is not None:
            return pool, volume
    return None


def remove(volume: libvirt.virStorageVol) -> None:
    """Remove it; quietly when it is gone. libvirt first ends what a client that was killed had asked of it."""
    until = time.monotonic() + BUSY_WAIT
    while True:
        try:
            volume.delete(0)
        except libvirt.libvirtError as error:
            if error.get_error_code() == libvirt.VIR_ERR_NO_STORAGE_VOL or "No such file" in str(error):
                return
            if error.get_error_code() != libvirt.VIR_ERR_OPERATION_INVALID or time.monotonic() >= until:
                raise
            time.sleep(0.05)
        else:
            return


def size_of(volume: libvirt.virStorageVol) -> int:
    """The bytes that a guest sees."""
    return int(volume.info()[1])


def form_of(volume: libvirt.virStorageVol) -> str:
    """raw or qcow2."""
    return _attribute(volume.XMLDesc(0), "./target/format", "type") or "raw"


def end_of(uri: str, volume: libvirt.virStorageVol, size: int) -> bytes:
    """The last `size` bytes of a raw volume's file."""
    whole = size_of(volume)
    wanted = min(size, whole)
    if not wanted:
        return b""
    stream = connect(uri).newStream(0)
    volume.download(stream, whole - wanted, wanted, 0)
    parts: list[bytes] = []
    while data := stream.recv(CHUNK):
        parts.append(data)
    stream.finish()
    return b"".join(parts)


def mark(cid: str, state: str, key: str | None) -> str:
    """The volume that says how far `cid`, made under `key`, has come."""
    return f"{cid}.{state}-{hashlib.sha256(key.encode()).hexdigest()[:20] if key else ''}"


def _xml(spec: VolumeSpec) -> str:
    root = Element("volume")
    sub(root, "name").text = spec.name
    sub(root, "capacity", {"unit": "bytes"}).text = str(spec.size)
    if spec.form == "raw":
        sub(root, "allocation", {"unit": "bytes"}).text = "0"
    target = sub(root, "target")
    sub(target, "format", {"type": spec.form})
    sub(sub(target, "permissions"), "mode").text = "0600"
    if spec.backing:
        backing = sub(root, "backingStore")
        sub(backing, "path").text = spec.backing
        sub(backing, "format", {"type": "qcow2"})
    return ElementTree.tostring(root, encoding="unicode")


def _send(stream: libvirt.virStream, data: bytes) -> None:
    while data:
        sent = stream.send(data)
        if sent < 0:
            raise CloudError("libvirt takes no more of a volume's data")
        data = data[sent:]


def _text(xml: str, path: str) -> str:
    return ElementTree.fromstring(xml).findtext(path) or ""  # noqa: S314 - libvirt's own answer


def _attribute(xml: str, path: str, name: str) -> str:
    found = ElementTree.fromstring(xml).find(path)  # noqa: S314 - libvirt's own answer
    return "" if found is None else found.get(name, "")
