"""Builds a stemcell tarball: `stemcell.MF`, `image` (tar.gz of the root tree, of a disk named root.img, or of what vSphere takes) and `packages.txt`."""

from __future__ import annotations

import fcntl
import gzip
import hashlib
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

from stemcells import archive, disk, initramfs, ova, overlay, tree
from stemcells.recipe import HERE, Machine, Recipe, RecipeError, load

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
        finished = place / f"stemcell-{_digest(recipe, number, root.digest, added, program, vsphere=vsphere)}.tgz"
        cached = finished.is_file()
        if not cached:
            say("adding the agent and the units, packing the stemcell")
            try:
                more = overlay.pack(added, set(root.paths.read_text().splitlines()))
            except ValueError as error:
                raise RecipeError(f"{recipe.path}: {error}") from error
            # The image is the cached tree with one gzip member more (RFC 1952, 2.2: members simply follow each other).
            image = work / "tree.tgz"
            shutil.copyfile(root.archive, image)
            with image.open("ab") as file:
                file.write(gzip.compress(more, recipe.compression, mtime=0))
            if recipe.machine:
                say(f"making a disk of {recipe.machine.size} MiB")
                image = _disk_image(recipe, recipe.machine, image, work, vsphere=vsphere)
            properties = OVA_PROPERTIES if vsphere else DISK_PROPERTIES if recipe.machine else {}
            manifest = {
                "name": recipe.name,
                "version": number,
                "operating_system": recipe.operating_system,
                "stemcell_formats": recipe.formats,
                "cloud_properties": dict(properties),
            }
            archive.stemcell(work / "stemcell.tgz", manifest, image, root.packages)
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


def _digest(
    recipe: Recipe, version: str, root: str, added: list[overlay.Entry], program: Path, *, vsphere: bool
) -> str:
    """Digest of a stemcell's inputs. The agent counts by the contents of its archive, not by the time of packing."""
    if not zipfile.is_zipfile(program):
        raise RecipeError(f"{program}: not a zip archive, so no agent")
    digest = hashlib.sha256(f"{recipe.name}\0{version}\0{root}\0{recipe.formats}\0".encode())
    if recipe.machine:
        digest.update(f"{recipe.machine.size}\0{recipe.machine.modules}\0{initramfs.SCRIPT}".encode())
        for module in ("disk.py", "ova.py") if vsphere else ("disk.py",):
            digest.update((HERE / module).read_bytes())
    with zipfile.ZipFile(program) as program_files:
        for info in sorted(program_files.infolist(), key=lambda info: info.filename):
            digest.update(f"{info.filename}\0{info.CRC}\0{info.file_size}\0".encode())
    for entry in added:
        if entry.path != overlay.AGENT:
            digest.update(f"{entry.path}\0{entry.mode}\0{entry.target}\0".encode() + entry.data)
    return digest.hexdigest()[:16]


def _disk_image(recipe: Recipe, machine: Machine, tree_image: Path, work: Path, *, vsphere: bool) -> Path:
    """A tar.gz with the disk as root.img, the form that stemcells of QEMU's clouds have; or with what makes it an OVA."""
    root = work / "root"
    root.mkdir()
    command = ["tar", "-xzf", "-", "--numeric-owner", "--xattrs", "--xattrs-include=*", "-p", "-C", str(root)]
    with tree_image.open("rb") as file:
        done = subprocess.run(command, stdin=file, capture_output=True, check=False)
    if done.returncode != 0:
        raise RecipeError(f"the tree cannot be unpacked: {done.stderr.decode().strip()[-500:]}")
    disk.make(root, machine, recipe.compression, work / "root.img")
    files = ova.image(work / "root.img", machine.size, work) if vsphere else [work / "root.img"]
    packed = work / "image.tgz"
    # a streamed disk is compressed already
    archive.write(packed, [(path.name, path) for path in files], 0 if vsphere else recipe.compression)
    return packed


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
