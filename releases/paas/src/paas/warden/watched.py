"""A process in a container, watched through its conmon: its end is pushed by the kernel, its status read from conmon's file."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from paas.containers.protocol import Exit

LOST = 255
SIGNALS = {
    4: "SIGILL",
    6: "SIGABRT",
    7: "SIGBUS",
    8: "SIGFPE",
    9: "SIGKILL",
    11: "SIGSEGV",
    13: "SIGPIPE",
    15: "SIGTERM",
}


class Watched:
    """The process whose files lie in `directory`; `ended` is set once `exit` is known."""

    def __init__(self, directory: Path, oom_kills: Callable[[], int]) -> None:
        self.directory = directory
        self.name = directory.name
        self.ended = asyncio.Event()
        self.exit: Exit | None = None
        self.pid = _pid(directory / "pid")
        self._oom_kills = oom_kills
        self._descriptor = -1

    @property
    def log(self) -> Path:
        """Where its output is."""
        return self.directory / "log"

    def began(self) -> None:
        """Note how often the memory limit has killed before."""
        (self.directory / "oom_kills").write_text(str(self._oom_kills()))

    def watch(self) -> None:
        """Be told when its conmon ends; at once where it has."""
        self.pid = _pid(self.directory / "pid")
        if (known := self._known()) is not None:
            self._set(known)
            return
        conmon = _pid(self.directory / "conmon.pid")
        try:
            self._descriptor = os.pidfd_open(conmon) if conmon else -1
        except ProcessLookupError:
            self._descriptor = -1
        # a number may have gone to another process meanwhile: conmon names this directory among its arguments
        if self._descriptor < 0 or os.fsencode(self.directory) not in _arguments(conmon):
            self.close()
            self._finish()
            return
        asyncio.get_running_loop().add_reader(self._descriptor, self._gone)

    def lost(self) -> None:
        """Nothing more will be known of it: its container has gone."""
        self.close()
        if self.exit is None:
            self._finish()

    def close(self) -> None:
        """Watch no more; the process goes on."""
        if self._descriptor >= 0:
            asyncio.get_running_loop().remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1

    def _gone(self) -> None:
        self.close()
        self._finish()

    def _known(self) -> Exit | None:
        try:
            return msgspec.json.decode((self.directory / "exit.json").read_bytes(), type=Exit)
        except (OSError, msgspec.MsgspecError):
            return None

    def _finish(self) -> None:
        file = next(iter((self.directory / "exit").glob("*")), None)
        if file is None:
            self._set(Exit(status=LOST, description="its exit status was lost: its watcher was killed", at=time.time()))
            return
        status = int(file.read_text() or LOST)
        before = _number(self.directory / "oom_kills")
        oom = status != 0 and self._oom_kills() > before
        self._set(Exit(status=status, oom=oom, description=describe(status, oom), at=file.stat().st_mtime))

    def _set(self, exit_: Exit) -> None:
        if self.directory.is_dir():
            fresh = self.directory / "exit.new"
            fresh.write_bytes(msgspec.json.encode(exit_))
            fresh.replace(self.directory / "exit.json")
        self.exit = exit_
        self.ended.set()


def describe(status: int, oom: bool) -> str:
    """An exit in words."""
    if oom:
        return f"out of memory: the container's memory limit was reached (status {status})"
    if status > 128:
        signal = SIGNALS.get(status - 128, f"signal {status - 128}")
        return f"ended by {signal} (status {status})"
    return f"exited with status {status}"


def _pid(file: Path) -> int:
    return _number(file)


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _arguments(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""
