"""Loop devices by ioctl (linux/loop.h). They belong to the whole host: each is found again by its file, never by number."""

from __future__ import annotations

import errno
import fcntl
import os
import struct
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CLR_FD, GET_STATUS64, SET_CAPACITY, CONFIGURE, CTL_GET_FREE = 0x4C01, 0x4C05, 0x4C07, 0x4C0A, 0x4C82
INFO64 = struct.Struct("=5Q4I64s64s32s2Q")
CONFIG = struct.Struct(f"=2I{INFO64.size}s64x")
LOOP_MAJOR = 7


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop device in use, and the file behind it by device and inode number."""

    path: str
    device: int
    inode: int


def attach(file: Path) -> str:
    """The loop device of this file; one is set up if there is none."""
    found = find(file)
    if found is not None:
        return found
    with _opened(file) as backing, _opened("/dev/loop-control") as control:
        for _ in range(50):
            path = f"/dev/loop{fcntl.ioctl(control, CTL_GET_FREE)}"
            with _opened(_node(path)) as loop:
                info = INFO64.pack(*[0] * 9, os.fsencode(file.name)[:63], b"", b"", 0, 0)
                try:
                    fcntl.ioctl(loop, CONFIGURE, CONFIG.pack(backing, 0, info))
                except OSError as error:
                    if error.errno == errno.EBUSY:  # another process was faster
                        continue
                    raise
                return path
    raise OSError(errno.EBUSY, "no free loop device could be set up", str(file))


def find(file: Path) -> str | None:
    """The loop device of this file, None if there is none."""
    try:
        status = file.stat()
    except FileNotFoundError:
        return None
    for loop in all_loops():
        if (loop.device, loop.inode) == (status.st_dev, status.st_ino):
            return loop.path
    return None


def all_loops() -> list[Loop]:
    """All loop devices in use on this host."""
    found: list[Loop] = []
    for path in Path("/sys/block").glob("loop*/loop"):
        device = f"/dev/{path.parent.name}"
        try:
            with _opened(_node(device)) as loop:
                info = INFO64.unpack(fcntl.ioctl(loop, GET_STATUS64, bytes(INFO64.size)))
        except OSError:  # freed meanwhile
            continue
        found.append(Loop(device, info[0], info[1]))
    return found


def free(path: str, wait: float = 5.0) -> bool:
    """Free the device; False if somebody still uses it after `wait` seconds (the kernel then frees it at the last close)."""
    until = time.monotonic() + wait
    while True:
        try:
            with _opened(path) as loop:
                fcntl.ioctl(loop, CLR_FD)
        except OSError as error:
            if error.errno in (errno.ENXIO, errno.ENOENT):
                return True
            if error.errno != errno.EBUSY:
                raise
        if not Path(f"/sys/block/{Path(path).name}/loop").exists():
            return True
        if time.monotonic() >= until:
            return False
        time.sleep(0.01)


def grow(path: str) -> None:
    """Tell the device that its file has grown."""
    with _opened(path) as loop:
        fcntl.ioctl(loop, SET_CAPACITY)


def _node(path: str) -> str:
    # A container or a disposable root may have a /dev of its own, in which the kernel makes no nodes.
    if not os.path.exists(path):
        number = int(path.removeprefix("/dev/loop"))
        os.mknod(path, 0o60660, os.makedev(LOOP_MAJOR, number))
    return path


@contextmanager
def _opened(path: Path | str) -> Generator[int]:
    descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
