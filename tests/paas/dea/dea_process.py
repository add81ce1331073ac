"""A DEA as its own process, and what is heard on the bus of it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Generic, TypeVar

from paas.bus.client import Bus, Message
from paas.messages.dea import Advertisement, Exited, Heartbeat
from paas.messages.log import LogLines
from paas.messages.router import Register

from lab.ports import free_port
from tests.paas.warden.own_network import INSIDE
from tests.paas.warden.warden_process import SOURCES

SECONDS = 30
T = TypeVar("T")


class Heard(Generic[T]):
    """All messages of a subject, and a way to wait for one."""

    def __init__(self) -> None:
        self.all: list[T] = []
        self._news = asyncio.Event()

    @classmethod
    async def on(cls, bus: Bus, subject: str, kind: type[T]) -> Heard[T]:
        """From now on."""
        heard = cls()

        async def note(message: Message[T]) -> None:
            heard.all.append(message.body)
            heard._news.set()

        await bus.subscribe(subject, kind, note)
        return heard

    async def one(self, fits: Callable[[T], bool]) -> T:
        """The first that fits, among those that have come and those that will."""
        seen = 0
        async with asyncio.timeout(SECONDS):
            while True:
                self._news.clear()
                for body in self.all[seen:]:
                    seen += 1
                    if fits(body):
                        return body
                await self._news.wait()


class Ear:
    """What DEAs say."""

    def __init__(self) -> None:
        self.beats: Heard[Heartbeat] = Heard()
        self.exits: Heard[Exited] = Heard()
        self.routes: Heard[Register] = Heard()
        self.unroutes: Heard[Register] = Heard()
        self.offers: Heard[Advertisement] = Heard()
        self.logs: Heard[LogLines] = Heard()

    @classmethod
    async def on(cls, bus: Bus) -> Ear:
        """From now on."""
        ear = cls()
        await ear.hear_health(bus)
        ear.routes = await Heard.on(bus, "router.register", Register)
        ear.unroutes = await Heard.on(bus, "router.unregister", Register)
        ear.offers = await Heard.on(bus, "dea.advertise", Advertisement)
        ear.logs = await Heard.on(bus, "log.*", LogLines)
        await bus.flush()
        return ear

    async def hear_health(self, bus: Bus) -> None:
        """What a health manager may hear."""
        self.beats = await Heard.on(bus, "dea.heartbeat", Heartbeat)
        self.exits = await Heard.on(bus, "droplet.exited", Exited)
        await bus.flush()

    async def state(self, droplet: str, state: str, index: int = 0, dea: str = "") -> str:
        """Wait until an instance is in a state; its guid."""

        def fits(beat: Heartbeat) -> bool:
            return bool(self._in(beat, droplet, state, index)) and dea in ("", beat.dea)

        return self._in(await self.beats.one(fits), droplet, state, index)

    def _in(self, beat: Heartbeat, droplet: str, state: str, index: int) -> str:
        return next(
            (one.instance for one in beat.droplets if (one.droplet, one.state, one.index) == (droplet, state, index)),
            "",
        )

    async def line(self, app: str, text: str) -> LogLines:
        """Wait for a line of an app's log."""
        return await self.logs.one(lambda lines: lines.app == app and any(text in line.text for line in lines.lines))


class DeaProcess:
    """One agent in the network of the caller; `more` goes into its configuration."""

    def __init__(self, directory: Path, name: str, bus: str, warden: str, more: dict[str, Any]) -> None:
        self.id = name
        self.port = free_port()
        self._directory = directory / name
        self._directory.mkdir()
        self.status_file = self._directory / "status"
        config = {
            "id": name,
            "ip": INSIDE,
            "bus": {"servers": [bus]},
            "warden": warden,
            "directory": str(self._directory / "data"),
            "stacks": {"tiny": "/"},
            "memory_mb": 512,
            "disk_mb": 1024,
            "listen": {"host": "0.0.0.0", "port": self.port},
            "files_secret": "of the files",
            "health_interval": 0.05,
            "liveness_seconds": 0.5,
            "unroute_seconds": 0.2,
            "stop_grace": 5,
            "heartbeat_seconds": 1,
            "advertise_seconds": 1,
            "status_file": str(self.status_file),
            **more,
        }
        self._config = self._directory / "dea.json"
        self._config.write_text(json.dumps(config))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        """What it says."""
        return (self._directory / "log").read_text()

    @property
    def snapshot(self) -> str:
        """What it keeps on disk."""
        return (self._directory / "data/instances.json").read_text()

    def start(self) -> None:
        """Start it."""
        with (self._directory / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "paas.dea", "--config", str(self._config)],
                env={**os.environ, "PYTHONPATH": str(SOURCES)},
                stdout=log,
                stderr=log,
            )

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self._process is not None
        self._process.send_signal(number)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Send it a signal and wait for its end."""
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(number)
            try:
                process.wait(SECONDS)
            finally:
                process.kill()
