"""Scripts of releases. They run apart from the agent and leave their exit code on disk, so a restarted agent adopts them."""

from __future__ import annotations

import enum
import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from agent.process.cancel import CancelFlag
from agent.process.command import SEARCH_PATH

# The shell survives TERM (its child does not inherit a trap), so a cancelled script still leaves its exit code.
_SHIM = 'trap : TERM; "$@"; code=$?; echo $code >"$0.new" && mv "$0.new" "$0"'
_NICENESS = "5"


class Phase(enum.Enum):
    """What is known of a script."""

    NEW = "new"
    RUNNING = "running"
    ENDED = "ended"
    LOST = "lost"


class Script:
    """One run of one program. ``folder`` identifies the run and survives the agent.

    ``stdout`` and ``stderr`` are appended to. The program sees only PATH and ``env``.
    """

    def __init__(
        self,
        folder: Path,
        argv: Sequence[str],
        *,
        stdout: Path,
        stderr: Path,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> None:
        self.folder = folder
        self._argv = list(argv)
        self._env = {"PATH": SEARCH_PATH, **(env or {})}
        self._stdout = stdout
        self._stderr = stderr
        self._cwd = cwd
        self._exit = folder / "exit"
        self._started = folder / "started"
        self._child: subprocess.Popen[bytes] | None = None
        self._pid: int | None = None

    @property
    def phase(self) -> Phase:
        """NEW, RUNNING, ENDED, or LOST: it was started, runs no more, and left no exit code."""
        if self._exit.exists():
            return Phase.ENDED
        if not self._started.exists():
            return Phase.NEW
        if self._child is None and self._pid is None:
            self._pid = self._find()
        if self._pid is not None and _alive(self._pid):
            return Phase.RUNNING
        return Phase.ENDED if self._exit.exists() else Phase.LOST

    def start(self) -> None:
        """Begin the run (again, if an earlier one was lost)."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for stream in (self._stdout, self._stderr):
            stream.parent.mkdir(parents=True, exist_ok=True)
        self._started.touch()
        with open(self._stdout, "ab") as out, open(self._stderr, "ab") as err:
            self._child = subprocess.Popen(
                ["nice", "-n", _NICENESS, "/bin/sh", "-c", _SHIM, str(self._exit), *self._argv],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                env=self._env,
                cwd=self._cwd,
                start_new_session=True,
            )
        self._pid = self._child.pid

    def ensure_started(self) -> None:
        """Start unless it runs or has ended; a lost run is repeated."""
        if self.phase in (Phase.NEW, Phase.LOST):
            self.start()

    def wait(self, cancel: CancelFlag | None = None, timeout: float | None = None) -> int | None:
        """The exit code (128 + n for signal n); None when cancelled or timed out, or when the run is lost."""
        if self._pid is None and self.phase is not Phase.RUNNING:
            return self.exit_code()
        assert self._pid is not None
        if not _wait_for(self._pid, cancel, timeout):
            return None
        if self._child is not None:
            self._child.wait()
        return self.exit_code()

    def exit_code(self) -> int | None:
        """The recorded exit code, or None."""
        try:
            return int(self._exit.read_text())
        except (FileNotFoundError, ValueError):
            return None

    def stop(self, grace: float) -> int:
        """TERM the whole group, KILL it after ``grace`` seconds; the exit code (137 if it had to be killed)."""
        if self._pid is None:
            return self.exit_code() or 0
        for number, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(self._pid, number)
            except ProcessLookupError:
                break
            if _wait_for(self._pid, None, seconds):
                break
        if self._child is not None:
            self._child.wait()
        code = self.exit_code()
        return 128 + signal.SIGKILL if code is None else code

    def _find(self) -> int | None:
        mark = os.fsencode(self._exit)
        for entry in os.listdir("/proc"):
            if entry.isdigit():
                try:
                    words = Path("/proc", entry, "cmdline").read_bytes().split(b"\0")
                except OSError:
                    continue
                if mark in words:
                    return int(entry)
        return None


def _alive(pid: int) -> bool:
    try:
        fields = Path("/proc", str(pid), "stat").read_text()
    except OSError:
        return False
    return fields.rpartition(")")[2].split()[0] not in ("Z", "X")


def _wait_for(pid: int, cancel: CancelFlag | None, timeout: float | None) -> bool:
    """True when the process has ended; False on time-out or cancel."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    except OSError:
        return _wait_slowly(pid, cancel, timeout)
    try:
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        if cancel is not None:
            poll.register(cancel.fileno(), select.POLLIN)
        ready = poll.poll(None if timeout is None else max(0, int(timeout * 1000)))
        return any(number == descriptor for number, _ in ready)
    finally:
        os.close(descriptor)


def _wait_slowly(pid: int, cancel: CancelFlag | None, timeout: float | None) -> bool:
    # Kernels before 5.3 have no descriptor for a process.
    deadline = None if timeout is None else time.monotonic() + timeout
    while _alive(pid):
        if (deadline is not None and time.monotonic() > deadline) or (cancel is not None and cancel.is_set):
            return False
        time.sleep(0.05)
    return True
