"""A node of the blobstore on a port of loopback, for tests: the component itself, with files below a directory of the test's."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from paas.blobs.store import BlobStoreConfig

from lab.ports import free_port
from tests.programs import need

SECRET = "0123456789abcdefSECRET"
SOURCES = Path(__file__).resolve().parents[3] / "releases/paas/src"


class BlobstoreNode:
    """One node; `config` is what a client needs."""

    def __init__(self, directory: Path, port: int = 0, **more: Any) -> None:
        need("nginx")
        self.directory = directory
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.root = directory / "store"
        directory.mkdir(parents=True, exist_ok=True)
        self._file = directory / "blobstore.json"
        settings = {
            "listen": {"host": "127.0.0.1", "port": self.port},
            "root": str(self.root),
            "run": str(directory / "run"),
            "log": str(directory / "log"),
            "user": "components",
            "password": "p4ss:w0rd",
            "secret": SECRET,
        }
        settings |= more
        self._file.write_bytes(msgspec.json.encode(settings))
        self.config = BlobStoreConfig(urls=[self.url], user="components", password="p4ss:w0rd", secret=SECRET)
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def running(cls, directory: Path, **more: Any) -> Iterator[BlobstoreNode]:
        """A node that answers, for as long as the block."""
        one = cls(directory, **more)
        one.start()
        try:
            yield one
        finally:
            one.stop()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "paas.blobstore", "--config", self._file],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, self._process.stderr and self._process.stderr.read()
            time.sleep(0.02)
        raise AssertionError("the blobstore does not listen")

    @contextmanager
    def syncing(self) -> Iterator[None]:
        """What fetches from its peers runs for as long as the block."""
        command = [sys.executable, "-m", "paas.blobstore.sync", "--config", self._file]
        with (self.directory / "sync.log").open("wb") as log:
            process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(SOURCES)}, stdout=log, stderr=log)
        try:
            yield
        finally:
            process.terminate()
            assert process.wait(30) == 0, (self.directory / "sync.log").read_text()

    def stop(self) -> None:
        """End it as the supervisor does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            if self._process.stderr:
                self._process.stderr.close()
            self._process = None
