"""The stack: the root tree that applications are staged and run in, made of Debian packages and npm, and kept by the digest of its recipe."""

from __future__ import annotations

import base64
import fcntl
import fnmatch
import gzip
import hashlib
import io
import os
import shutil
import subprocess
import tarfile
import tempfile
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lab.blobs import npm
from lab.blobs.place import cache
from lab.errors import LabError
from stemcells import overlay, tree
from stemcells.recipe import Recipe, RecipeError

RECIPE = Path(__file__).with_name("stack.toml")
KEPT = 2
"""Stacks, and trees of them, that stay in the cache."""


@dataclass(frozen=True)
class Stack:
    """A finished stack: `archive` is a tar.gz of its root tree, owned by root, with users' ids as they are in it."""

    name: str
    aliases: list[str]
    digest: str
    archive: Path
    cached: bool


def stack(say: Callable[[str], None], place: Path | None = None) -> Stack:
    """The stack from the cache, or made now (about two minutes, as root). LabError says what is missing."""
    raw: dict[str, Any] = tomllib.loads(RECIPE.read_text())
    recipe = _recipe(raw)
    place = place or cache() / "stacks"
    place.mkdir(parents=True, exist_ok=True)
    digest = hashlib.sha256(f"{tree.digest(recipe, recipe.packages)}\0{raw['npm']}".encode()).hexdigest()[:16]
    finished = place / f"stack-{digest}.tgz"
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        cached = finished.is_file()
        if not cached:
            try:
                base = tree.make(recipe, recipe.packages, place, say)
                say("adding npm")
                more = overlay.pack(_npm(raw["npm"], place), set(base.paths.read_text().splitlines()))
            except (RecipeError, ValueError) as error:
                raise LabError(str(error)) from error
            with tempfile.NamedTemporaryFile(dir=place, delete=False) as file:
                # members of gzip follow each other, and so do entries of tar (see stemcells.tree)
                with base.archive.open("rb") as reading:
                    shutil.copyfileobj(reading, file)
                file.write(gzip.compress(more, recipe.compression, mtime=0))
            os.replace(file.name, finished)
            finished.chmod(0o644)
        finished.touch()
        _prune(place)
    return Stack(recipe.name, list(raw["aliases"]), digest, finished, cached)


def unpacked(say: Callable[[str], None], place: Path | None = None) -> Path:
    """The stack's root tree as a directory, which nobody may write to; as root."""
    place = place or cache() / "stacks"
    made = stack(say, place)
    root = place / f"root-{made.digest}"
    with (place / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not root.is_dir():
            for old in place.glob("root-*"):
                shutil.rmtree(old, ignore_errors=True)
            with tempfile.TemporaryDirectory(dir=place) as scratch:
                tree_of(made.archive, Path(scratch) / "root")
                (Path(scratch) / "root").rename(root)
    return root


def tree_of(archive: Path, root: Path) -> None:
    """Unpack a stack into the new directory `root`, as root; devices are the container's own."""
    root.mkdir(mode=0o755)
    command = ["tar", "-xzpf", str(archive), "--numeric-owner", "--exclude=./dev/*", "-C", str(root)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise LabError(f"{archive} cannot be unpacked: {done.stderr.strip()}")


def deliver(out: Path, say: Callable[[str], None]) -> Stack:
    """The stack's archive at `out`, by hard link where that can be."""
    made = stack(say)
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = out.with_name(f".{out.name}.{os.getpid()}")
    try:
        os.link(made.archive, temporary)
    except OSError:
        shutil.copyfile(made.archive, temporary)
    os.replace(temporary, out)
    temporary.unlink(missing_ok=True)
    return made


def _recipe(raw: dict[str, Any]) -> Recipe:
    return Recipe(
        path=RECIPE,
        name=raw["name"],
        version="1",
        operating_system="debian-12",
        formats=[],
        suite=raw["suite"],
        customize=RECIPE.with_name(raw["customize"]),
        compression=raw["compression"],
        packages=sorted(raw["packages"]),
        exclude=raw["exclude"],
        include=raw["include"],
        extras={},
        enable=[],
        mask=[],
    )


def _npm(wanted: dict[str, Any], place: Path) -> list[overlay.Entry]:
    """npm's files in the tree, with the links of its commands."""
    home = "usr/local/lib/node_modules/npm"
    found = [
        overlay.Entry("usr/local/bin/npm", target="../lib/node_modules/npm/bin/npm-cli.js"),
        overlay.Entry("usr/local/bin/npx", target="../lib/node_modules/npm/bin/npx-cli.js"),
    ]
    with tarfile.open(fileobj=io.BytesIO(_npm_tarball(wanted, place)), mode="r:gz") as archive:
        for member in archive:
            name = member.name.partition("/")[2]
            file = archive.extractfile(member) if member.isfile() else None
            if file is None or any(fnmatch.fnmatch(name, _glob(pattern)) for pattern in wanted["exclude"]):
                continue
            mode = 0o755 if member.mode & 0o100 or name.startswith("bin/") else 0o644
            found.append(overlay.Entry(f"{home}/{name}", mode, file.read()))
    return sorted(found, key=lambda entry: entry.path)


def _glob(pattern: str) -> str:
    return f"{pattern}*" if pattern.endswith("/") else pattern


def _npm_tarball(wanted: dict[str, Any], place: Path) -> bytes:
    """From the registry that the machine's npm uses; checked by digest."""
    kept = place / f"npm-{wanted['version']}.tgz"
    if not kept.is_file():
        with tempfile.TemporaryDirectory(dir=place) as scratch:
            command = ["npm", "pack", "--silent", f"npm@{wanted['version']}"]
            done = subprocess.run(
                command, cwd=scratch, env=npm.environment(place), check=False, capture_output=True, text=True
            )
            if done.returncode != 0:
                raise LabError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
            os.replace(next(Path(scratch).glob("*.tgz")), kept)
    data = kept.read_bytes()
    found = "sha512-" + base64.b64encode(hashlib.sha512(data).digest()).decode()
    if found != wanted["integrity"]:
        kept.unlink()
        raise LabError(f"{kept.name}: its digest is {found}, {RECIPE.name} has {wanted['integrity']}")
    return data


def _prune(place: Path) -> None:
    for pattern in ("stack-*.tgz", "tree-*[0-9a-f]"):
        for old in sorted(place.glob(pattern), key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
            if old.is_dir():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.unlink(missing_ok=True)
