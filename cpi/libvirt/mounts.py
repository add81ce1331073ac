"""Mounts by system call, in the mount namespace of this process."""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

MNT_DETACH = 2
_libc = ctypes.CDLL(None, use_errno=True)


def mount_overlay(lower: Path, upper: Path, work: Path, target: Path) -> None:
    """Mount an overlay unless one is there."""
    if os.path.ismount(target):
        return
    data = f"lowerdir={lower},upperdir={upper},workdir={work}"
    _check(_libc.mount(b"overlay", os.fsencode(target), b"overlay", 0, data.encode()), target)


def mount_unified(target: Path) -> None:
    """Mount the unified cgroup hierarchy."""
    _check(_libc.mount(b"cgroup2", os.fsencode(target), b"cgroup2", 0, None), target)


def unmount(target: Path) -> None:
    """Unmount whatever is mounted there, however often, busy or not."""
    while os.path.ismount(target):
        _check(_libc.umount2(os.fsencode(target), MNT_DETACH), target)


def _check(result: int, target: Path) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(target))
