"""The platform's processes beside one another."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec
from paas.database.config import DatabaseConfig

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.client.terminal import Terminal
from tests.paas.cloud_controller.controller import Controller
from tests.paas.services.component import Component
from tests.paas.uaa.uaa_process import ADMIN_PASSWORD, CLIENT_SECRET, UaaProcess


class Site:
    """`controller`, `uaa` and `log_cache` are processes; all are reached at addresses of loopback."""

    password = ADMIN_PASSWORD

    def __init__(
        self,
        directory: Path,
        postgres: PostgresServer,
        database: DatabaseConfig,
        nats: NatsServer,
        blobs: BlobstoreNode,
    ) -> None:
        self.nats = nats
        self.uaa = UaaProcess.make(directory, database)
        self.uaa.config["clients"]["registrar"] = {
            "secret": "registrar-secret",
            "grant_types": ["client_credentials"],
            "authorities": ["cloud_controller.admin"],
        }
        self.log_port = free_port()
        self.controller = Controller(directory, self._controller(directory, postgres, nats, blobs))
        self.log_cache = Component("paas.log_cache", directory, self._log_cache(), self.log_port)

    def start(self) -> None:
        """All of it serves when this returns."""
        self.uaa.start()
        self.controller.start()
        self.log_cache.start()

    def stop(self) -> None:
        """All of it ends."""
        self.log_cache.stop()
        self.controller.kill()
        self.uaa.stop()

    def terminal(self, home: Path) -> Terminal:
        """A terminal of a user's own."""
        home.mkdir()
        return Terminal(home)

    def _controller(
        self, directory: Path, postgres: PostgresServer, nats: NatsServer, blobs: BlobstoreNode
    ) -> dict[str, Any]:
        name = f"cc_{os.urandom(6).hex()}"
        with postgres.connect() as connection:
            connection.execute(f"CREATE DATABASE {name}")
        port = free_port()
        return {
            "listen": {"port": port},
            "url": f"http://127.0.0.1:{port}",
            "database": {"url": f"postgresql+psycopg://meristem@127.0.0.1:{postgres.port}/{name}"},
            "bus": {"servers": [nats.url]},
            "blobstore": msgspec.to_builtins(blobs.config),
            "uaa": {"url": self.uaa.url, "client": "cc", "secret": CLIENT_SECRET},
            "login_url": self.uaa.url,
            "encryption": {"current": "k1", "keys": {"k1": "a passphrase for the tests"}},
            "bulk": {"password": "bulk-password"},
            "system_domain": "sys.test",
            "app_domains": ["apps.test"],
            "log_cache_url": f"http://127.0.0.1:{self.log_port}",
            "data": str(directory / "data"),
            "broker_poll": 0.2,
            "intervals": {"poll": 1, "lease": 3, "find": 0.5, "deployment": 0.2, "routed": 0.1},
        }

    def _log_cache(self) -> dict[str, Any]:
        return {
            "listen": {"port": self.log_port},
            "bus": {"servers": [self.nats.url]},
            "uaa": {"jwks_url": f"{self.uaa.url}/token_keys"},
            "cloud_controller": {"url": self.controller.url},
        }
