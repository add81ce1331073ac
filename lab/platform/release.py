"""Builds the PaaS release in a copy of its sources, so that the checkout stays as it is."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Callable
from pathlib import Path

from lab.blobs.fill import fill
from lab.blobs.place import RELEASE, cache

KEPT_BYTES = 2_000_000_000
KEPT = {"blobs", ".dev_builds"}
"""What an earlier build left in the copy: only what changed is packed again."""


def build_release(out: Path, version: str, run: Callable[..., object], say: Callable[[str], None]) -> Path:
    """The tarball `out`; `run` is the command line (``meristem``). The blobs come from the cache or are made now, and so do packed packages."""
    work = cache() / "release"
    work.mkdir(parents=True, exist_ok=True)
    with (cache() / "release.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        for entry in work.iterdir():
            if entry.name not in KEPT:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        shutil.copytree(RELEASE, work, dirs_exist_ok=True, ignore=_left_out)
        fill(work, say)
        run("create-release", "--dir", str(work), "--force", "--version", version, "--tarball", str(out))
        _forget_old(work / ".dev_builds")
    return out


def _forget_old(builds: Path) -> None:
    """All packed jobs and packages once they are too many: those that are needed are packed again."""
    if sum(path.stat().st_size for path in builds.rglob("*") if path.is_file()) > KEPT_BYTES:
        shutil.rmtree(builds)


def _left_out(folder: str, names: list[str]) -> set[str]:
    return {name for name in names if name == "__pycache__" or (folder == str(RELEASE) and name in KEPT)}
