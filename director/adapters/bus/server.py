"""A nats-server of our own: a unit beside the director, that outlives it and is adopted by its pid file."""

from __future__ import annotations

import asyncio
import contextlib
import os
import select
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from director.adapters.authority import write_private
from director.adapters.bus.ca import BusFiles
from director.model.errors import DirectorError, Place

_CONFIG = """\
host: "{host}"
port: {port}
pid_file: "{pid_file}"
log_file: "{log_file}"
logfile_size_limit: 50MB
ping_interval: "5s"
ping_max: 2
max_payload: 1MB
write_deadline: "10s"
tls {{
  ca_file: "{ca}"
  cert_file: "{certificate}"
  key_file: "{key}"
  verify_and_map: true
  timeout: 5
}}
include "{users}"
"""


@dataclass(frozen=True)
class ServerPlace:
    """Where it listens, where its files are kept (configuration, users, pid, log) and its certificates."""

    host: str
    port: int
    directory: Path
    files: BusFiles

    @property
    def users_file(self) -> Path:
        return self.directory / "users.json"

    @property
    def pid_file(self) -> Path:
        return self.directory / "nats-server.pid"

    @property
    def config_file(self) -> Path:
        return self.directory / "nats-server.conf"

    @property
    def log_file(self) -> Path:
        return self.directory / "nats-server.log"


class NatsServer:
    """Starts, watches and stops it. The users file must exist before (see `director.adapters.bus.users`)."""

    def __init__(self, place: ServerPlace, program: str = "nats-server") -> None:
        self.place = place
        self._program = program
        self._child: subprocess.Popen[bytes] | None = None
        self._watch: asyncio.Task[None] | None = None

    def pid(self) -> int | None:
        """Of the server that runs with our configuration file."""
        if self._child is not None and self._child.poll() is None:
            return self._child.pid
        try:
            pid = int(self.place.pid_file.read_text().strip())
            arguments = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if str(self.place.config_file).encode() in arguments else None

    async def ensure(self) -> bool:
        """Adopt the one that runs, or start one and wait until it listens; True when it was started."""
        if self.pid() is not None:
            return False
        program = shutil.which(self._program)
        if program is None:
            raise DirectorError(
                f"{self._program} is not installed",
                remedy="Install it (Debian: apt-get install nats-server), or set meristem.nats.managed to false.",
            )
        place = self.place
        place.directory.mkdir(parents=True, exist_ok=True)
        text = _CONFIG.format(
            host=place.host,
            port=place.port,
            pid_file=place.pid_file,
            log_file=place.log_file,
            ca=place.files.ca,
            certificate=place.files.certificate("server"),
            key=place.files.key("server"),
            users=place.users_file.name,
        )
        write_private(place.config_file, text, mode=0o640)
        place.pid_file.unlink(missing_ok=True)
        users = _version(place.users_file)
        # a session of its own: signals to the director's group do not reach it
        self._child = await asyncio.to_thread(
            subprocess.Popen,
            [program, "-c", str(place.config_file)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
        )
        await self._listening()
        if _version(place.users_file) != users:
            # changed after the server had read it, and before there was a pid file by which to tell it so
            self._child.send_signal(signal.SIGHUP)
        return True

    async def supervise(self) -> None:
        """Start it again whenever it ends, until `release` or `stop`."""
        if self._watch is None:
            self._watch = asyncio.create_task(self._supervise())

    async def release(self) -> None:
        """Stop watching; the server runs on."""
        if self._watch is not None:
            self._watch.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._watch
            self._watch = None

    async def stop(self) -> None:
        """End the server and forget its pid file."""
        await self.release()
        pid = self.pid()
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
            await asyncio.to_thread(_ended, pid, 10)
        if self._child is not None:
            await asyncio.to_thread(self._child.wait, 10)
            self._child = None
        self.place.pid_file.unlink(missing_ok=True)

    async def _supervise(self) -> None:
        while True:
            pid = self.pid()
            if pid is not None:
                await _end_of(pid)
            with contextlib.suppress(DirectorError):
                await self.ensure()
            await asyncio.sleep(0.5)

    async def _listening(self) -> None:
        place = self.place
        host = "127.0.0.1" if place.host in ("0.0.0.0", "::") else place.host  # noqa: S104
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self._child is not None and self._child.poll() is not None:
                break
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(host, place.port, family=socket.AF_UNSPEC)
                writer.close()
                if place.pid_file.exists():
                    return
            await asyncio.sleep(0.02)
        raise DirectorError(
            f"nats-server did not start listening on {place.host}:{place.port}: {self._last_words()}",
            place=Place(str(place.config_file)),
            remedy=f"See {place.log_file}.",
        )

    def _last_words(self) -> str:
        try:
            lines = self.place.log_file.read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        return lines[-1] if lines else "it said nothing"


def _version(file: Path) -> tuple[int, int]:
    """Another one after each atomic replacement."""
    try:
        found = file.stat()
    except FileNotFoundError:
        return (0, 0)
    return (found.st_ino, found.st_mtime_ns)


async def _end_of(pid: int) -> None:
    """Told by the kernel; no thread waits for it."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_reader(descriptor, ended.set)
    try:
        await ended.wait()
    finally:
        loop.remove_reader(descriptor)
        os.close(descriptor)


def _ended(pid: int, seconds: float) -> bool:
    """Wait for a process that need not be our child; True once it has ended."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        ready, _, _ = select.select([descriptor], [], [], seconds)
        return bool(ready)
    finally:
        os.close(descriptor)
