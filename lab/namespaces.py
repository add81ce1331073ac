"""Linux namespaces by the C library's own calls (`os.setns` and `os.unshare` came with Python 3.12)."""

from __future__ import annotations

import ctypes
import os
import signal
from pathlib import Path

from lab.errors import LabError

NEW_MOUNT = 0x00020000
NEW_CGROUP = 0x02000000
NEW_UTS = 0x04000000
NEW_IPC = 0x08000000
NEW_PID = 0x20000000
NEW_NET = 0x40000000

_libc = ctypes.CDLL(None, use_errno=True)


def enter(path: str | Path, kind: int) -> None:
    """Move the calling thread into the namespace that `path` stands for. A mount namespace resets the working directory."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _check(_libc.setns(descriptor, kind), f"setns {path}")
    finally:
        os.close(descriptor)


def leave(kinds: int) -> None:
    """Give the calling thread new namespaces of the given kinds."""
    _check(_libc.unshare(kinds), "unshare")


def die_with_parent() -> None:
    """Have the kernel kill the calling process when its parent ends (prctl(2), PR_SET_PDEATHSIG)."""
    _check(_libc.prctl(1, signal.SIGKILL, 0, 0, 0), "prctl")


def _check(result: int, action: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise LabError(f"{action}: {os.strerror(number)} (the lab needs root)")
