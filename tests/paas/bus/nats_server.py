"""A nats-server on a port of loopback, for tests."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.ports import free_port
from tests.programs import need


class NatsServer:
    """One server; `more` is added to its configuration."""

    def __init__(self, directory: Path, more: str = "") -> None:
        need("nats-server")
        self.port = free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        self._config = directory / "nats.conf"
        self._config.write_text(f"listen: 127.0.0.1:{self.port}\n{more}\n")
        self._process: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def running(cls, directory: Path, more: str = "") -> Iterator[NatsServer]:
        """A server that answers, for as long as the block."""
        one = cls(directory, more)
        one.start()
        try:
            yield one
        finally:
            one.stop()

    def start(self) -> None:
        """Start it and wait until it listens."""
        self._process = subprocess.Popen(
            ["nats-server", "-c", self._config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            assert self._process.poll() is None, "nats-server ended"
            time.sleep(0.02)
        raise AssertionError("nats-server does not listen")

    def stop(self) -> None:
        """Kill it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
