"""A cloud controller of a test's own: the component itself as a process, beside real servers."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.cloud_controller.keys_peer import KeysPeer

SOURCES = Path(__file__).resolve().parents[3] / "releases/paas/src"


class Controller:
    """One process of `roles`; several share a database when they are given the same one."""

    def __init__(self, directory: Path, config: dict[str, Any]) -> None:
        self.directory = directory
        self.config = config
        self.port: int = config["listen"]["port"]
        self.url = f"http://127.0.0.1:{self.port}"
        self.database: str = config["database"]["url"].replace("+psycopg", "")
        self._file = directory / "cloud_controller.json"
        self._file.write_bytes(msgspec.json.encode(config))
        self.log = directory / "cloud_controller.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it is fit to serve."""
        with self.log.open("ab") as out:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "paas.cloud_controller", "--config", self._file],
                env={**os.environ, "PYTHONPATH": str(SOURCES)},
                stdout=out,
                stderr=out,
            )
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            assert self._process.poll() is None, self.log.read_text()[-4000:]
            try:
                if httpx2.get(f"{self.url}/healthz", trust_env=False).status_code == 200:
                    return
            except httpx2.HTTPError:
                pass
            time.sleep(0.05)
        raise AssertionError(f"the cloud controller does not serve: {self.log.read_text()[-4000:]}")

    def kill(self) -> None:
        """As a power cut would."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """As the supervisor does."""
        self._end(signal.SIGTERM)

    def _end(self, sign: signal.Signals) -> None:
        if self._process is not None:
            self._process.send_signal(sign)
            self._process.wait(30)
            self._process = None


def settings(
    directory: Path, postgres: PostgresServer, nats: NatsServer, keys: KeysPeer, blobs: BlobstoreNode, **more: Any
) -> dict[str, Any]:
    """A configuration with a database of its own."""
    database = f"cc_{os.urandom(6).hex()}"
    with postgres.connect() as connection:
        connection.execute(f"CREATE DATABASE {database}")
    port = free_port()
    return {
        "listen": {"port": port},
        "url": f"http://127.0.0.1:{port}",
        "database": {"url": f"postgresql+psycopg://meristem@127.0.0.1:{postgres.port}/{database}"},
        "bus": {"servers": [nats.url]},
        "blobstore": msgspec.to_builtins(blobs.config),
        "uaa": {"url": keys.url, "secret": "lookup-secret"},
        "encryption": {"current": "k1", "keys": {"k1": "a passphrase for the tests"}},
        "bulk": {"user": "bulk_api", "password": "bulk-password"},
        "system_domain": "sys.test",
        "app_domains": ["apps.test"],
        "log_cache_url": "http://log-cache.sys.test",
        "data": str(directory / "data"),
        "broker_timeout": 20,
        "broker_poll": 0.2,
        "intervals": {"poll": 1, "lease": 3, "find": 1, "deployment": 0.2, "routed": 0.1, "task": 0.5},
        **more,
    }


@contextmanager
def running(directory: Path, config: dict[str, Any]) -> Iterator[Controller]:
    """A process that serves, for as long as the block."""
    one = Controller(directory, config)
    try:
        one.start()
        yield one
    finally:
        one.kill()
