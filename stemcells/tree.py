"""The root tree of a recipe: Debian packages, unpacked and configured by mmdebstrap, kept as one compressed tar.

It is cached by the digest of all that goes into it. The tar has no end-of-archive blocks: gzip members and tar entries
may be appended to it (see `image`), so that a new agent does not cost a new tree.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stemcells import sources
from stemcells.recipe import Recipe, RecipeError

BUILDER = 2
"""Raised when this file changes what a tree looks like."""


@dataclass(frozen=True)
class Tree:
    """A cached root tree: `archive` (gzip, open-ended), its sorted package list and all paths in it."""

    digest: str
    archive: Path
    packages: Path
    paths: Path


def digest(recipe: Recipe, packages: list[str]) -> str:
    """What the tree depends on; the machine's sources are not part of it."""
    facts = [BUILDER, recipe.suite, packages, recipe.exclude, recipe.include, recipe.compression]
    scripts = b"".join(script.read_bytes() for script in _scripts(recipe))
    return hashlib.sha256(json.dumps(facts).encode() + scripts).hexdigest()[:16]


def make(recipe: Recipe, packages: list[str], cache: Path, say: Callable[[str], None]) -> Tree:
    """The tree from the cache, or made now (about a minute and a half, as root)."""
    key = digest(recipe, packages)
    place = cache / f"tree-{key}"
    tree = Tree(key, place / "root.tar.gz", place / "packages.txt", place / "paths.txt")
    if tree.paths.is_file():
        return tree
    if shutil.which("mmdebstrap") is None:
        raise RecipeError("mmdebstrap is not installed; run bin/setup --lab")
    with tempfile.TemporaryDirectory(prefix="tree-", dir=cache) as scratch:
        work = Path(scratch)
        say(f"unpacking {len(packages)} packages and what they need (mmdebstrap)")
        _bootstrap(recipe, packages, work)
        say("compressing the root tree")
        names = _compress(work / "root.tar", work / "root.tar.gz", recipe.compression)
        (work / "root.tar").unlink()
        (work / "paths.txt").write_text("\n".join(names) + "\n")
        shutil.rmtree(place, ignore_errors=True)
        finished = work / "finished"
        finished.mkdir()
        for name in ("root.tar.gz", "packages.txt", "paths.txt"):
            (work / name).rename(finished / name)
        finished.rename(place)
    return tree


def _scripts(recipe: Recipe) -> list[Path]:
    return [recipe.customize, *([recipe.machine.customize] if recipe.machine else [])]


def _bootstrap(recipe: Recipe, packages: list[str], work: Path) -> None:
    (work / "sources").write_text(sources.of_suite(recipe.suite))
    options = [f"--dpkgopt=path-exclude={pattern}" for pattern in recipe.exclude]
    options += [f"--dpkgopt=path-include={pattern}" for pattern in recipe.include]
    command = [
        "mmdebstrap",
        "--variant=minbase",
        "--format=tar",
        "--dpkgopt=force-unsafe-io",
        "--aptopt=Apt::Install-Recommends \"false\"",
        # Debian's choice would be usrmerge, which brings all of perl to do what is done from the start here.
        "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
        *options,
        f"--include={','.join(packages)}",
        # The copy in the tree of the settings above would also hold for packages installed later.
        "--customize-hook=rm -f \"$1\"/etc/apt/apt.conf.d/99mmdebstrap \"$1\"/etc/dpkg/dpkg.cfg.d/99mmdebstrap",
        *[f"--customize-hook={script} \"$1\" {work / 'packages.txt'}" for script in _scripts(recipe)],
        recipe.suite,
        str(work / "root.tar"),
        str(work / "sources"),
    ]  # fmt: skip
    log = work / "log"
    # A disk's builder makes the first file system itself: Debian's would need minutes here.
    environment = {**os.environ, "INITRD": "No"}
    with log.open("w") as output:
        done = subprocess.run(
            command, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, check=False, env=environment
        )
    if done.returncode != 0:
        words = "\n".join(log.read_text().splitlines()[-25:])
        raise RecipeError(f"mmdebstrap could not make the tree of {recipe.path.name}:\n{words}")


def _compress(source: Path, target: Path, level: int) -> list[str]:
    """Gzip a tar without its closing zero blocks; returns the paths in it, without the leading './'."""
    with tarfile.open(source, "r:") as archive:
        names = sorted(member.name.removeprefix("./").removeprefix(".") for member in archive.getmembers())
        end = archive.offset
    packer = zlib.compressobj(level, zlib.DEFLATED, 31)
    with source.open("rb") as reading, target.open("wb") as writing:
        left = end
        while left > 0:
            block = reading.read(min(left, 1 << 20))
            left -= len(block)
            writing.write(packer.compress(block))
        writing.write(packer.flush())
    return [name for name in names if name]
