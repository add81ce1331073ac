"""Builds a stemcell tarball: `stemcell.MF`, `image` (tar.gz of the root tree, of a disk named root.img, or of what vSphere takes) and `packages.txt`."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import yaml

from stemcells import disk, initramfs, ova, overlay, tree
from stemcells.recipe import Machine, Recipe, RecipeError, load

DISK_PROPERTIES = {"disk_format": "qcow2", "container_format": "bare", "os_type": "linux", "architecture": "x86_64"}
"""In the words of OpenStack's stemcells, as glance takes them."""
OVA_PROPERTIES = {"infrastructure": "vsphere", "hypervisor": "esxi", "disk_format": "ovf", "container_format": "bare", "os_type": "linux",
                  "architecture": "x86_64", "root_device_name": "/dev/sda2"}  # fmt: skip
KEPT = 5
"""Root trees, and stemcells, that stay in the cache."""


@dataclass(frozen=True)
class Built:
    """A finished stemcell: its file, the digest of its image, and whether it came from the cache."""

    path: Path
    name: str
    version: str
    image_sha1: str
    size: int
    cached: bool
    seconds: float


def default_cache() -> Path:
    """Where trees and stemcells are kept, shared with the set-up, the demo and the tests."""
    return Path(os.environ.get("MERISTEM_CACHE", "/var/cache/meristem")) / "stemcells"


def build(
    name: str,
    out: Path,
    *,
    version: str | None = None,
    machine: bool = False,
    vsphere: bool = False,
    extras: list[str] | None = None,
    agent: Path | None = None,
    cache: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Built:
    """Build recipe `name` into the file `out`. `agent` is a ready zipapp (otherwise it is built from this tree); `machine` makes a bootable disk,
    `vsphere` the same disk as vSphere takes it.

    RecipeError says what is missing. A tree that is not cached takes about a minute and a half, a new agent about one second, half a minute with a disk.
    """
    begin = time.monotonic()
    recipe = load(name, machine=machine, ova=vsphere)
    place = cache or default_cache()
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as lock, tempfile.TemporaryDirectory(prefix="work-", dir=place) as scratch:
        fcntl.flock(lock, fcntl.LOCK_EX)
        work = Path(scratch)
        program = agent or build_agent(work / "agent.pyz", say)
        root = tree.make(recipe, recipe.chosen(extras or []), place, say)
        added = overlay.entries(recipe, program.read_bytes())
        number = version or recipe.version
        finished = place / f"stemcell-{_digest(recipe, number, root.digest, added, program)}.tgz"
        cached = finished.is_file()
        if not cached:
            say("adding the agent and the units, packing the stemcell")
            try:
                more = overlay.pack(added, set(root.paths.read_text().splitlines()))
            except ValueError as error:
                raise RecipeError(f"{recipe.path}: {error}") from error
            # The image is the cached tree with one gzip member more (RFC 1952, 2.2: members simply follow each other).
            image = root.archive.read_bytes() + gzip.compress(more, recipe.compression, mtime=0)
            if recipe.machine:
                say(f"making a disk of {recipe.machine.size} MiB")
                image = _disk_image(recipe, recipe.machine, image, work, vsphere=vsphere)
            properties = OVA_PROPERTIES if vsphere else DISK_PROPERTIES if recipe.machine else {}
            _pack(recipe, number, root, image, properties, work / "stemcell.tgz")
            (work / "stemcell.tgz").rename(finished)
        finished.touch()
        (root.archive.parent).touch()
        _prune(place)
        _deliver(finished, out)
    return Built(out, recipe.name, number, _image_sha1(out), out.stat().st_size, cached, time.monotonic() - begin)


def build_agent(out: Path, say: Callable[[str], None]) -> Path:
    """The agent's zipapp of this tree, written to `out`."""
    say("building the agent")
    done = subprocess.run(
        [sys.executable, "-m", "agent.build", str(out)],
        cwd=Path(__file__).resolve().parent.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0 or not out.is_file():
        raise RecipeError(f"the agent could not be built: {(done.stderr or done.stdout).strip()}")
    return out


def _digest(recipe: Recipe, version: str, root: str, added: list[overlay.Entry], program: Path) -> str:
    """Digest of a stemcell's inputs. The agent counts by the contents of its archive, not by the time of packing."""
    if not zipfile.is_zipfile(program):
        raise RecipeError(f"{program}: not a zip archive, so no agent")
    digest = hashlib.sha256(f"{recipe.name}\0{version}\0{root}\0{recipe.formats}\0".encode())
    if recipe.machine:
        digest.update(f"{recipe.machine.size}\0{recipe.machine.modules}\0{initramfs.SCRIPT}".encode())
        digest.update(Path(disk.__file__).read_bytes() + Path(ova.__file__).read_bytes())
    with zipfile.ZipFile(program) as archive:
        for info in sorted(archive.infolist(), key=lambda info: info.filename):
            digest.update(f"{info.filename}\0{info.CRC}\0{info.file_size}\0".encode())
    for entry in added:
        if entry.path != overlay.AGENT:
            digest.update(f"{entry.path}\0{entry.mode}\0{entry.target}\0".encode() + entry.data)
    return digest.hexdigest()[:16]


def _disk_image(recipe: Recipe, machine: Machine, tree_image: bytes, work: Path, *, vsphere: bool) -> bytes:
    """A tar.gz with the disk as root.img, the form that stemcells of QEMU's clouds have; or with what makes it an OVA."""
    root = work / "root"
    root.mkdir()
    command = ["tar", "-xzf", "-", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-p", "-C", str(root)]
    done = subprocess.run(command, input=tree_image, capture_output=True, check=False)
    if done.returncode != 0:
        raise RecipeError(f"the tree cannot be unpacked: {done.stderr.decode().strip()[-500:]}")
    disk.make(root, machine, recipe.compression, work / "root.img")
    if vsphere:  # its disk is compressed already
        return _archive(ova.image(work / "root.img", machine.size, work), 0)
    return _archive({"root.img": (work / "root.img").read_bytes()}, recipe.compression)


def _archive(files: dict[str, bytes], compression: int) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", compresslevel=compression, format=tarfile.GNU_FORMAT) as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size, info.mtime, info.uname, info.gname = len(data), overlay.EPOCH, "root", "root"
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def _pack(
    recipe: Recipe, version: str, root: tree.Tree, image: bytes, properties: dict[str, str], target: Path
) -> None:
    manifest = {
        "name": recipe.name,
        "version": version,
        "api_version": 3,
        "bosh_protocol": "1",
        "operating_system": recipe.operating_system,
        "sha1": hashlib.sha1(image, usedforsecurity=False).hexdigest(),
        "stemcell_formats": recipe.formats,
        "cloud_properties": dict(properties),
    }
    parts = [
        ("stemcell.MF", yaml.safe_dump(manifest, sort_keys=False).encode()),
        ("packages.txt", root.packages.read_bytes()),
        ("image", image),
    ]
    # The image is compressed already, so the outer archive is gzip in form only.
    with tarfile.open(target, "w:gz", compresslevel=0, format=tarfile.GNU_FORMAT) as archive:
        for name, data in parts:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            info.mtime = overlay.EPOCH
            archive.addfile(info, io.BytesIO(data))


def _image_sha1(path: Path) -> str:
    """The digest in the manifest, which is the first entry."""
    with tarfile.open(path, "r|gz") as archive:
        member = archive.next()
        data = archive.extractfile(member) if member is not None else None
        if data is None:
            raise RecipeError(f"{path}: no stemcell.MF in it")
        return str(yaml.safe_load(data.read())["sha1"])


def _deliver(finished: Path, out: Path) -> None:
    """Put the stemcell at `out` by hard link where that can be, by copy otherwise; `out` is replaced at once."""
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        os.link(finished, temporary)
    except OSError:
        shutil.copyfile(finished, temporary)
    os.replace(temporary, out)
    temporary.unlink(missing_ok=True)


def _prune(place: Path) -> None:
    """Keep the KEPT newest of each kind."""
    for pattern in ("tree-*[0-9a-f]", "stemcell-*.tgz"):
        for old in sorted(place.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            if old.is_dir():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.unlink(missing_ok=True)
