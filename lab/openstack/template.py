"""A lab's databases and keys as one tar: another lab begins with them instead of a minute of migrations."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

from lab.openstack.stack import Stack

KEPT = ("db", "etc/keystone/fernet", "etc/keystone/credential", "ready")


def save(stack: Stack, archive: Path) -> None:
    """Of a lab that was ready and whose processes have ended."""
    archive.parent.mkdir(parents=True, exist_ok=True)
    new = archive.with_suffix(f".{os.getpid()}")
    hosts = [str(file.relative_to(stack.directory)) for file in stack.path("nova").glob("*/compute_id")]
    with tarfile.open(new, "w") as tar:
        for name in (*KEPT, *hosts):
            tar.add(stack.path(name), name)
    new.replace(archive)


def unpack(archive: Path, directory: Path) -> None:
    """Into the directory of a lab that has never run; owners and modes as they were."""
    with tarfile.open(archive) as tar:
        tar.extractall(directory, numeric_owner=True)  # noqa: S202 - our own archive
