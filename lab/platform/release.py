"""Builds the PaaS release in a copy of its sources, so that the checkout stays as it is."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.blobs.fill import fill
from lab.blobs.place import RELEASE

KEPT = {"blobs", ".dev_builds", "dev_releases"}
"""What an earlier build left in the copy: only what changed is packed again."""


def build_release(work: Path, out: Path, version: str, run: Callable[..., object], say: Callable[[str], None]) -> Path:
    """The tarball `out`; `run` is the command line (``meristem``). The blobs come from the cache or are made now."""
    work.mkdir(parents=True, exist_ok=True)
    for entry in work.iterdir():
        if entry.name not in KEPT:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    shutil.copytree(RELEASE, work, dirs_exist_ok=True, ignore=_left_out, copy_function=_link)
    fill(work, say)
    run("create-release", "--dir", str(work), "--force", "--version", version, "--tarball", str(out))
    return out


def _left_out(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__" or (folder == str(RELEASE) and name in KEPT)}


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        shutil.copy2(source, target)
