"""Root trees out of system disks: what a disk's bytes hold is unpacked once, and shared by all guests of the same bytes."""

from __future__ import annotations

import fcntl
import hashlib
import shutil
from pathlib import Path

from lab.errors import LabError
from lab.programs import program

GZIP = b"\x1f\x8b"


def unpacked(system_disk: Path, folder: Path) -> Path:
    """The tree of a system disk, below `folder`. LabError where the disk holds none that a container can have."""
    with system_disk.open("rb") as file:
        begin = file.read(2)
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()[:32]
    if begin != GZIP:
        raise LabError(
            f"{system_disk}: a system disk of this lab is a root tree as tar.gz; this one begins with {begin!r}"
        )
    tree = folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not tree.is_dir():
            new = folder / f"{digest}.new"
            shutil.rmtree(new, ignore_errors=True)
            new.mkdir()
            program(
                "tar", "--extract", "--file", str(system_disk), "--gzip", "--directory", str(new), "--numeric-owner",
                "--xattrs", "--xattrs-include=*", "--same-permissions", "--exclude=./dev/*", "--exclude=dev/*",
            )  # fmt: skip
            new.rename(tree)
    return tree
