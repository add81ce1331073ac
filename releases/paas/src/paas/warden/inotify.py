"""Says when a file in a directory is written or replaced: inotify(7), by the C library."""

from __future__ import annotations

import asyncio
import ctypes
import os
from pathlib import Path

IN_MODIFY = 0x2
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_NONBLOCK = os.O_NONBLOCK
IN_CLOEXEC = os.O_CLOEXEC
EVENTS_BYTES = 64 << 10

_c = ctypes.CDLL(None, use_errno=True)


class DirectoryWatch:
    """`changed` is set at each change of a file in the directory; the one who waits clears it."""

    def __init__(self, directory: Path) -> None:
        self.changed = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._descriptor = _checked(_c.inotify_init1(IN_NONBLOCK | IN_CLOEXEC))
        try:
            mask = IN_MODIFY | IN_MOVED_TO | IN_CREATE
            _checked(_c.inotify_add_watch(self._descriptor, os.fsencode(directory), mask))
        except OSError:
            os.close(self._descriptor)
            raise
        self._loop.add_reader(self._descriptor, self._read)

    def _read(self) -> None:
        os.read(self._descriptor, EVENTS_BYTES)
        self.changed.set()

    def close(self) -> None:
        """Watch no more."""
        self._loop.remove_reader(self._descriptor)
        os.close(self._descriptor)


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"inotify: {os.strerror(code)}")
    return result
