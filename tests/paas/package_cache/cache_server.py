"""The package cache on a port of loopback (or another address), for tests: the component itself."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from lab.ports import free_port
from tests.programs import need

SOURCES = Path(__file__).resolve().parents[3] / "releases/paas/src"


class CacheServer:
    """One server below `directory`."""

    def __init__(self, directory: Path, seeds: list[str], host: str = "127.0.0.1") -> None:
        need("nginx")
        self.host, self.port = host, free_port()
        self.url = f"http://{host}:{self.port}"
        self._file = directory / "package_cache.json"
        settings = {
            "listen": {"host": host, "port": self.port},
            "root": str(directory / "root"),
            "run": str(directory / "run"),
            "log": str(directory / "log"),
            "seeds": seeds,
        }
        self._file.write_bytes(msgspec.json.encode(settings))
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def running(cls, directory: Path, seeds: list[str], host: str = "127.0.0.1") -> Iterator[CacheServer]:
        """A server that answers, for as long as the block."""
        one = cls(directory, seeds, host)
        one.start()
        try:
            yield one
        finally:
            one.stop()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "paas.package_cache", "--config", self._file],
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stderr=subprocess.PIPE,
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex((self.host, self.port)) == 0:
                    return
            assert self._process.poll() is None, self._process.stderr and self._process.stderr.read()
            time.sleep(0.02)
        raise AssertionError("the package cache does not listen")

    def stop(self) -> None:
        """End it as the supervisor does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            if self._process.stderr:
                self._process.stderr.close()
