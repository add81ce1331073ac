"""A real PostgreSQL server of a test's own: on loopback, in a directory of its own, run as an ordinary user."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from director.adapters.store.postgres_place import PostgresPlace
from lab.ports import free_port

USER = "nobody"


def programs() -> Path | None:
    """The directory of initdb and postgres: the newest of Debian's, or the PATH's; None when not installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


def as_user(words: list[str]) -> list[str]:
    """The server refuses to run as root. It dies with the thread that started it, so that a test run that is killed leaves none."""
    if os.geteuid():
        return ["setpriv", "--pdeathsig=KILL", *words]
    return ["setpriv", "--pdeathsig=KILL", f"--reuid={USER}", "--regid=nogroup", "--clear-groups", *words]


def swept(directory: Path) -> subprocess.Popen[bytes]:
    """A process that removes the directory when its stdin ends: with this process, however that ends."""
    script = 'cat >/dev/null; until rm -rf "$0" 2>/dev/null; do sleep 0.1; done'
    return subprocess.Popen(
        ["sh", "-c", script, directory],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    )


@dataclass
class PostgresServer:
    """``kill`` and ``start`` may be called at any time; the data stay until `remove`."""

    directory: Path
    bin: Path
    port: int
    broom: subprocess.Popen[bytes]
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, bin: Path) -> PostgresServer:
        """A new cluster, started. It need not sync: what a killed process has written, the kernel keeps."""
        directory = Path(tempfile.mkdtemp(prefix="meristem-pg-"))
        server = cls(directory, bin, free_port(), swept(directory))
        try:
            server.initialize()
            server.start()
        except BaseException:
            server.remove()
            raise
        return server

    def initialize(self) -> None:
        """An empty cluster."""
        if os.geteuid() == 0:
            shutil.chown(self.directory, USER)
        words = [
            str(self.bin / "initdb"),
            "-D",
            str(self.directory / "data"),
            "-U",
            "meristem",
            "-A",
            "trust",
            "-E",
            "UTF8",
        ]
        done = subprocess.run(
            as_user([*words, "--no-sync", "--locale=C.UTF-8"]), capture_output=True, cwd="/", check=False
        )
        if done.returncode:
            raise AssertionError(f"initdb failed: {done.stderr.decode()}")

    def start(self) -> None:
        """Returns when it answers."""
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": self.directory,
            "shared_buffers": "16MB",
            "max_connections": 60,
            "fsync": "off",
        }
        words = [str(self.bin / "postgres"), "-D", str(self.directory / "data")]
        for name, value in settings.items():
            words += ["-c", f"{name}={value}"]
        log = self.directory / "server.log"
        with log.open("ab") as out:
            self.process = subprocess.Popen(as_user(words), stdout=out, stderr=out, cwd="/", start_new_session=True)
        deadline = time.monotonic() + 60
        while True:
            try:
                self.connect().close()
                return
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise AssertionError(f"PostgreSQL did not start: {error}\n{log.read_text()[-3000:]}") from error
                time.sleep(0.05)

    def connect(self) -> psycopg.Connection[Any]:
        """As the administrator."""
        return psycopg.connect(**self.parameters, autocommit=True)

    @property
    def parameters(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "user": "meristem", "dbname": "postgres"}

    def place(self, schema: str, *, wait: float = 30, options: str = "") -> PostgresPlace:
        """The store in this schema: it stands for a database of its own, which takes the server far longer to make."""
        return PostgresPlace({**self.parameters, "options": f"-c search_path={schema},pg_catalog {options}"}, wait=wait)

    def schema(self, name: str) -> str:
        """A new empty schema."""
        with self.connect() as connection:
            connection.execute(f'CREATE SCHEMA "{name}"')
        return name

    def kill(self) -> None:
        """SIGKILL to the whole server, as a power cut would."""
        if self.process is not None:
            # its backends lead process groups of their own
            self.process.send_signal(signal.SIGSTOP)
            listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
            for pid in listed.split():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            self.process.kill()
            self.process.wait(30)
            self.process = None
            # a server that is started while one of them still ends finds their memory in use
            deadline = time.monotonic() + 30
            while any(_runs(pid) for pid in listed.split()) and time.monotonic() < deadline:
                time.sleep(0.01)

    def remove(self) -> None:
        """Nothing of it is left when this returns."""
        try:
            self.kill()
        finally:
            self.broom.communicate()


def _runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
