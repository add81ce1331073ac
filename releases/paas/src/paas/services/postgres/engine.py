"""The node's PostgreSQL engine: its cluster is made once, its process is kept running."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg

from paas.sealing.box import Box
from paas.services.node.instance import new_password
from paas.services.node.service import ServiceError
from paas.services.node.supervised import Supervised
from paas.services.postgres.config import PostgresConfig

ADMIN = "node"
RESERVED_CONNECTIONS = 5
STOP_SECONDS = 60
RECOVERY_SECONDS = 600
"""An engine that was killed replays its log before it serves."""

HBA = """\
local all {admin} scram-sha-256
local all all reject
host all {admin} all reject
{kind} all all all scram-sha-256
"""


class Engine:
    """`directory` holds the cluster (``data``), its socket and the sealed password of its administrator."""

    def __init__(self, config: PostgresConfig) -> None:
        self._config = config
        self._directory = Path(config.directory, "engine")
        self._data = self._directory / "data"
        logs = Path(config.log_directory) if config.log_directory else self._directory
        self._password = ""
        self._process = Supervised(
            name="postgres",
            command=[self._program("postgres"), "-D", str(self._data)],
            mark=str(self._data),
            pid_file=self._directory / "pid",
            log_file=logs / "engine.log",
            ready=self._answers,
            user=config.user,
            stop_signal=signal.SIGINT,
            stop_seconds=STOP_SECONDS,
        )

    async def up(self) -> None:
        """Make the cluster where there is none; start the engine or adopt it."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._own(self._directory)
        self._password = self._admin_password()
        if self._process.pid() is None:
            if not self._data.exists():
                await asyncio.to_thread(self._initialize)
            self._write("postgresql.conf", self._settings())
            kind = "hostssl" if self._config.certificate else "host"
            self._write("pg_hba.conf", HBA.format(admin=ADMIN, kind=kind))
        await self._process.up(RECOVERY_SECONDS)

    async def down(self) -> None:
        """End it: connections end, what was committed is on the disk."""
        await self._process.down()

    @asynccontextmanager
    async def admin(self, database: str = "postgres") -> AsyncGenerator[psycopg.AsyncConnection]:
        """A connection of the administrator, each statement its own transaction. ServiceError where the engine is away."""
        try:
            connection = await self._connect(database)
        except psycopg.OperationalError:
            raise ServiceError("the PostgreSQL engine is away; it is being started again") from None
        async with connection:
            yield connection

    async def _connect(self, database: str) -> psycopg.AsyncConnection:
        return await psycopg.AsyncConnection.connect(
            host=str(self._directory),
            port=self._config.port,
            user=ADMIN,
            password=self._password,
            dbname=database,
            connect_timeout=10,
            autocommit=True,
        )

    async def _answers(self) -> bool:
        try:
            await (await self._connect("postgres")).close()
        except psycopg.OperationalError:
            return False
        return True

    def _admin_password(self) -> str:
        file = self._directory / "admin.sealed"
        box = Box(self._config.secrets)
        if not file.exists():
            new = file.with_suffix(".new")
            new.touch(mode=0o600)
            new.write_text(box.seal(new_password(), "admin"))
            new.replace(file)
        return box.open(file.read_text(), "admin")

    def _initialize(self) -> None:
        """The cluster appears under its name as a whole or not at all."""
        new, password = self._directory / "data.new", self._directory / "first"
        shutil.rmtree(new, ignore_errors=True)
        password.touch(mode=0o600)
        password.write_text(self._password)
        self._own(password)
        words = [self._program("initdb"), "-D", str(new), "-U", ADMIN, f"--pwfile={password}", "-A", "scram-sha-256"]
        words += ["-E", "UTF8", "--locale=C.UTF-8", "--data-checksums"]
        user = self._config.user if self._config.user and os.geteuid() == 0 else None
        done = subprocess.run(
            words, capture_output=True, cwd="/", check=False, user=user, extra_groups=[] if user else None
        )
        password.unlink()
        if done.returncode:
            raise ServiceError(f"initdb failed: {done.stderr.decode(errors='replace').strip()}")
        new.rename(self._data)

    def _settings(self) -> str:
        config = self._config
        settings = {
            "listen_addresses": config.bind,
            "port": config.port,
            "unix_socket_directories": str(self._directory),
            "unix_socket_permissions": "0700",
            "max_connections": config.max_connections,
            "superuser_reserved_connections": RESERVED_CONNECTIONS,
            "shared_buffers": config.shared_buffers,
            "password_encryption": "scram-sha-256",
            "log_statement": "none",
            "log_min_error_statement": "panic",  # a failing statement of an app may hold the app's data
            "log_parameter_max_length": 0,
            "log_parameter_max_length_on_error": 0,
            "log_timezone": "UTC",
            "timezone": "UTC",
            "lc_messages": "C",
            "track_counts": "on",
        }
        if config.certificate:
            settings |= {"ssl": "on", "ssl_cert_file": config.certificate, "ssl_key_file": config.key}
        return "".join(f"{name} = '{value}'\n" for name, value in settings.items())

    def _write(self, name: str, text: str) -> None:
        file = self._data / name
        file.write_text(text)
        file.chmod(0o600)
        self._own(file)

    def _own(self, path: Path) -> None:
        if self._config.user and os.geteuid() == 0:
            shutil.chown(path, self._config.user)

    def _program(self, name: str) -> str:
        return str(Path(self._config.bin, name)) if self._config.bin else name
