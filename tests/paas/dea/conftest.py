"""A DEA with its warden, its bus and a store of droplets, in a network of its own."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from paas.bus.client import Bus, BusConfig
from paas.messages.dea import Limits, Start

from lab.ports import free_port
from tests.paas.bus.nats_server import NatsServer
from tests.paas.dea.application import make_droplet
from tests.paas.dea.dea_process import SECONDS, DeaProcess, Ear
from tests.paas.warden.own_network import INSIDE
from tests.paas.warden.warden_fixtures import outside, warden, warden_process
from tests.paas.warden.warden_process import WardenProcess

__all__ = ["outside", "warden", "warden_process"]


@dataclass
class Ground:
    """What DEAs of a module's tests stand on."""

    directory: Path
    nats: NatsServer
    droplets: str
    digest: str
    bare: str


@pytest.fixture(scope="module")
def ground(warden_process: WardenProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    directory = tmp_path_factory.mktemp("dea")
    store = directory / "store"
    store.mkdir()
    digest, bare = make_droplet(store), make_droplet(store, info="start_command: ''\n")
    port = free_port()
    command = [sys.executable, "-m", "http.server", "--bind", "127.0.0.1", "-d", str(store), str(port)]
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with NatsServer.running(directory) as nats:
        yield Ground(directory, nats, f"http://127.0.0.1:{port}", digest, bare)
    server.kill()
    server.wait()


@dataclass
class World:
    """One test's DEA, the bus, and what is heard there."""

    ground: Ground
    warden: WardenProcess
    bus: Bus
    ear: Ear
    dea: DeaProcess
    another: Callable[..., DeaProcess]

    def message(self, droplet: str, **more: Any) -> Start:
        """A start message for the droplet of these tests."""
        return Start(
            **{
                "droplet": droplet,
                "version": "v1",
                "index": 0,
                "name": "app",
                "uris": [f"{droplet}.test"],
                "sha1": self.ground.digest,
                "executable_uri": f"{self.ground.droplets}/{self.ground.digest}?signature=secret",
                "limits": Limits(mem=96, disk=64),
                **more,
            }
        )

    async def start(self, droplet: str = "", dea: str = "", **more: Any) -> str:
        """Have an instance started; the app's guid."""
        droplet = droplet or f"app-{uuid4().hex[:8]}"
        await self.bus.publish(f"dea.{dea or self.dea.id}.start", self.message(droplet, **more))
        return droplet

    async def empty(self) -> None:
        """Wait until no container is left."""
        async with asyncio.timeout(SECONDS):
            while await self.warden.client.list():
                await asyncio.sleep(0.05)

    def url(self, droplet: str) -> str:
        """Where routers find it."""
        route = next(one for one in reversed(self.ear.routes.all) if one.app == droplet)
        assert route.host == INSIDE
        return f"http://{route.host}:{route.port}"


@pytest.fixture
async def world(ground: Ground, warden: WardenProcess) -> AsyncIterator[World]:
    """A DEA that has said hello."""
    bus = await Bus.connect(BusConfig(servers=[ground.nats.url]), "test")
    ear = await Ear.on(bus)
    all_: list[DeaProcess] = []

    def another(**more: Any) -> DeaProcess:
        all_.append(DeaProcess(ground.directory, f"dea-{uuid4().hex[:6]}", ground.nats.url, warden.socket, more))
        return all_[-1]

    dea = another()
    dea.start()
    try:
        await ear.offers.one(lambda offer: offer.id == dea.id)
        yield World(ground, warden, bus, ear, dea, another)
    except TimeoutError:
        raise AssertionError(dea.log) from None
    finally:
        for one in all_:
            one.end()
        await bus.close()
