"""A process that a node keeps running: it outlives a node that is killed, and the next node adopts it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import structlog

from paas.services.node.service import ServiceError

READY_SECONDS = 60
LEAST_PAUSE, MOST_PAUSE = 0.2, 30.0
CALM_SECONDS = 60
"""A process that ran this long has earned a fresh start without a pause."""

# the pid is written by the process itself before it becomes the program: no moment in which it runs unknown
WRITE_PID = 'echo $$ >"$0" && exec "$@"'

log = structlog.get_logger("supervised")


@dataclass
class Supervised:
    """`mark` is a word of the command line by which the process is known from another that got its number.

    `ready` tells whether it serves; `user`: run it as this one, where the node is root. Times in seconds.
    """

    name: str
    command: list[str]
    mark: str
    pid_file: Path
    log_file: Path
    ready: Callable[[], Awaitable[bool]]
    user: str = ""
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 30
    _watch: asyncio.Task[None] | None = None
    _children: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict[int, "subprocess.Popen[bytes]"])

    async def up(self, seconds: float = READY_SECONDS) -> None:
        """Adopt or start it; returns when it serves. From then on it is started again whenever it ends.

        ServiceError where it does not serve after `seconds`; it is kept running all the same.
        """
        if self._watch is None:
            if (pid := self.pid()) is None:
                pid = self._spawn()
            else:
                log.info("adopted", process=self.name, pid=pid)
            self._watch = asyncio.create_task(self._keep(pid))
        deadline = time.monotonic() + seconds
        while not await self.ready():
            if time.monotonic() > deadline:
                raise ServiceError(f"{self.name} does not come up; its log says why")
            await asyncio.sleep(0.02)

    async def down(self) -> None:
        """End it, and start it no more; SIGKILL where it does not end in time."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None
        if (pid := self.pid()) is not None:
            for sign in (self.stop_signal, signal.SIGKILL):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, sign)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self.stop_seconds):
                        await self._ended(pid)
                    break
        self.pid_file.unlink(missing_ok=True)

    def pid(self) -> int | None:
        """Its number, while it runs."""
        try:
            pid = int(self.pid_file.read_text())
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, ValueError):
            return None
        return pid if self.mark.encode() in words and state not in "ZX" else None

    def _spawn(self) -> int:
        user = self.user if self.user and os.geteuid() == 0 else None
        with self.log_file.open("ab") as out:
            child = subprocess.Popen(
                ["/bin/sh", "-c", WRITE_PID, self.pid_file, *self.command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                cwd="/",
                start_new_session=True,
                user=user,
                group=user and _group(user),
                extra_groups=[] if user else None,
            )
        self._children[child.pid] = child
        log.info("started", process=self.name, pid=child.pid)
        return child.pid

    async def _keep(self, pid: int) -> None:
        pause = LEAST_PAUSE
        while True:
            began = time.monotonic()
            await self._ended(pid)
            pause = LEAST_PAUSE if time.monotonic() - began > CALM_SECONDS else min(pause * 2, MOST_PAUSE)
            log.warning("ended", process=self.name, pid=pid, again_in=pause)
            await asyncio.sleep(pause)
            pid = self._spawn()

    async def _ended(self, pid: int) -> None:
        """Until the process has ended; it need not be a child of this one."""
        try:
            handle = os.pidfd_open(pid)
        except ProcessLookupError:
            return
        loop = asyncio.get_running_loop()
        gone = asyncio.Event()
        loop.add_reader(handle, gone.set)
        try:
            await gone.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)
        if (child := self._children.pop(pid, None)) is not None:
            child.wait()


def _group(user: str) -> int:
    return pwd.getpwnam(user).pw_gid
