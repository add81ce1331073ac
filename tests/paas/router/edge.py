"""A router for tests: nginx and the locator as processes, and backends with what they saw."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import msgspec
from paas.bus.client import Bus, BusConfig
from paas.messages.router import Register
from paas.router.config import Config, Nginx
from paas.router.nginx.render import write_files

from lab.ports import free_port
from tests.programs import need

PATIENCE = 30
HOST = "127.0.0.1"
PLAIN = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For clients that speak plain HTTP: reading the machine's authorities would take longer than the request."""


@dataclass
class Edge:
    """nginx and its locator below `directory`; both can be started, killed and stopped by themselves."""

    config: Config
    directory: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    @classmethod
    def make(cls, directory: Path, bus: str, *, interval: int = 0, prune: int = 120, **nginx: object) -> Edge:
        need("nginx", "nats-server")
        directory.mkdir(parents=True, exist_ok=True)
        config = Config(
            nats=BusConfig(servers=[bus]),
            # a socket's path has room for 107 characters
            socket=str(directory / "l.sock"),
            interval=interval,
            prune=prune,
            prune_every=0.2,
            hosts=[HOST],
            status_password="secret",
            nginx=Nginx(
                **{
                    "directory": str(directory / "nginx"),
                    "user": "root root" if os.getuid() == 0 else "",
                    "host": HOST,
                    "port": free_port(),
                    "tls_port": free_port(),
                    "health_port": free_port(),
                    "workers": "2",
                    "connections": 4096,
                    "drain_file": str(directory / "draining"),
                    "error_log": str(directory / "error.log"),
                    **nginx,
                }
            ),
        )
        (directory / "router.json").write_bytes(msgspec.json.encode(config))
        return cls(config, directory)

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.config.nginx.port}"

    @property
    def status(self) -> str:
        return f"http://{HOST}:{self.config.nginx.health_port}"

    def start_locator(self) -> None:
        with (self.directory / "locator.log").open("ab") as log:
            self.processes["locator"] = subprocess.Popen(
                [sys.executable, "-m", "paas.router", "--config", self.directory / "router.json"],
                stdout=log,
                stderr=log,
            )

    def start_nginx(self) -> None:
        conf = write_files(self.config)
        with (self.directory / "error.log").open("ab") as log:
            self.processes["nginx"] = subprocess.Popen(
                ["nginx", "-c", conf, "-p", self.directory, "-e", self.directory / "error.log"], stdout=log, stderr=log
            )

    def start(self, *, ready: bool = True) -> None:
        self.start_locator()
        self.start_nginx()
        self.wait_status(200 if ready else 503)

    def kill(self, name: str) -> None:
        """End it as a crash would."""
        process = self.processes.pop(name)
        process.kill()
        process.wait(PATIENCE)

    def quit_nginx(self) -> None:
        """Let requests under way end."""
        self.processes["nginx"].send_signal(signal.SIGQUIT)
        self.processes.pop("nginx").wait(PATIENCE)

    def stop(self) -> None:
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()

    def health(self) -> int:
        """The status of the health check; 0 where nobody listens."""
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(f"{self.status}/health", timeout=PATIENCE, verify=PLAIN).status_code
        return 0

    def wait_status(self, wanted: int) -> None:
        deadline = time.monotonic() + PATIENCE
        while (found := self.health()) != wanted:
            for name, process in self.processes.items():
                assert process.poll() is None, f"{name} ended: {self.words()}"
            assert time.monotonic() < deadline, f"health is {found}, not {wanted}: {self.words()}"
            time.sleep(0.05)

    def words(self) -> str:
        return "".join(f.read_text()[-2000:] for f in self.directory.glob("*.log"))

    def table(self) -> dict[str, list[dict[str, object]]]:
        """The listing of routes."""
        answer = httpx2.get(f"{self.status}/routes", auth=("router-status", "secret"), timeout=PATIENCE, verify=PLAIN)
        assert answer.status_code == 200, answer.text
        return answer.json()


@contextmanager
def running(edge: Edge) -> Iterator[Edge]:
    try:
        edge.start()
        yield edge
    finally:
        edge.stop()


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Bus]:
    bus = await Bus.connect(BusConfig(servers=[url]), "test")
    try:
        yield bus
    finally:
        await bus.close()


async def ask(edge: Edge, host: str, path: str = "/", **headers: str | bytes) -> httpx2.Response:
    """A request for `host`, in a thread: the backends of tests are in this one."""
    return await asyncio.to_thread(
        httpx2.get, edge.url + path, headers={"host": host, **headers}, timeout=2 * PATIENCE, verify=PLAIN
    )


def endpoint(port: int, *uris: str, **more: object) -> Register:
    """A registration of a port of loopback."""
    return Register(**{"host": HOST, "port": port, "uris": list(uris), **more})


async def routed(edge: Edge, bus: Bus, *messages: Register, subject: str = "router.register") -> None:
    """Send registrations, and wait until the locator has them all."""
    for one in messages:
        await bus.publish(subject, one)
    await bus.flush()
    deadline = time.monotonic() + PATIENCE
    while not all(_has(edge.table(), one) == (subject == "router.register") for one in messages):
        assert time.monotonic() < deadline, f"not heard: {messages}; {edge.words()}"


def _has(table: dict[str, list[dict[str, object]]], one: Register) -> bool:
    address = f"{one.host}:{one.tls_port or one.port}"
    return any(address == known["address"] for uri in one.uris for known in table.get(uri.lower(), []))
