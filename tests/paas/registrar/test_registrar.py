"""The registrar's process on a real bus, and with a real router."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from paas.bus.client import Bus, BusConfig, Message
from paas.messages.router import Register, RouterStart
from paas.registrar.config import Config, HealthUrl, Route

from tests.paas.bus.nats_server import NatsServer
from tests.paas.router.backend import backends

PATIENCE = 30


class Ears:
    """What a router hears."""

    def __init__(self) -> None:
        self.registered: asyncio.Queue[Register] = asyncio.Queue()
        self.unregistered: asyncio.Queue[Register] = asyncio.Queue()

    async def listen(self, bus: Bus) -> None:
        async def register(message: Message[Register]) -> None:
            await self.registered.put(message.body)

        async def unregister(message: Message[Register]) -> None:
            await self.unregistered.put(message.body)

        await bus.subscribe("router.register", Register, register)
        await bus.subscribe("router.unregister", Register, unregister)
        await bus.flush()

    async def next(self) -> Register:
        return await asyncio.wait_for(self.registered.get(), PATIENCE)

    async def gone(self) -> Register:
        return await asyncio.wait_for(self.unregistered.get(), PATIENCE)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[NatsServer]:
    with NatsServer.running(tmp_path) as one:
        yield one


@pytest.fixture
async def bus(server: NatsServer) -> AsyncIterator[Bus]:
    one = await Bus.connect(BusConfig(servers=[server.url]), "test")
    yield one
    await one.close()


@contextmanager
def registrar(directory: Path, url: str, *routes: Route, interval: int = 600) -> Iterator[subprocess.Popen[bytes]]:
    config = Config(nats=BusConfig(servers=[url]), host="127.0.0.1", routes=list(routes), interval=interval)
    path = directory / "registrar.json"
    path.write_bytes(msgspec.json.encode(config))
    with (directory / "registrar.log").open("ab") as log:
        process = subprocess.Popen([sys.executable, "-m", "paas.registrar", "--config", path], stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0, (directory / "registrar.log").read_text()


async def test_a_route_from_its_beginning_to_its_end(server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    ears = Ears()
    await ears.listen(bus)
    route = Route(name="cc", uris=["api.example.com"], port=9022, tags={"component": "cc"}, private_instance_id="cc-1")
    with registrar(tmp_path, server.url, route):
        first = await ears.next()
        assert first == Register(
            host="127.0.0.1", port=9022, uris=["api.example.com"], tags={"component": "cc"}, private_instance_id="cc-1"
        )
        # a router starts, and wants to hear each second
        await bus.publish("router.start", RouterStart(id="r", interval=1))
        for _ in range(3):
            assert await ears.next() == first
        assert ears.unregistered.empty()
    assert await ears.gone() == first


async def test_a_router_that_is_there_says_how_often(server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    ears = Ears()
    await ears.listen(bus)

    async def greet(message: Message[dict[str, str]]) -> None:
        await message.respond(RouterStart(id="r", interval=1))

    await bus.subscribe("router.greet", dict[str, str], greet)
    await bus.flush()
    with registrar(tmp_path, server.url, Route(name="a", uris=["a.x"], port=1)):
        for _ in range(3):
            await ears.next()


async def test_only_while_it_is_healthy(server: NatsServer, bus: Bus, tmp_path: Path) -> None:
    ears = Ears()
    await ears.listen(bus)
    async with backends("a") as [one]:
        one.status = "503 Not Yet"
        health = HealthUrl(url=f"http://127.0.0.1:{one.port}/healthz", every=0.1, failures=3)
        sick = Route(name="a", uris=["a.x"], port=one.port, health=health)
        with registrar(tmp_path, server.url, sick, Route(name="b", uris=["b.x"], port=1)):
            assert (await ears.next()).uris == ["b.x"]
            async with asyncio.timeout(PATIENCE):
                while one.requests < 5:
                    await asyncio.sleep(0.05)
            assert ears.registered.empty()
            one.status = "200 OK"
            assert (await ears.next()).uris == ["a.x"]
            one.status = "500 No"
            assert (await ears.gone()).uris == ["a.x"]
            one.status = "200 OK"
            assert (await ears.next()).uris == ["a.x"]
            await one.stop()
            assert (await ears.gone()).uris == ["a.x"]


async def test_all_is_said_again_when_the_bus_is_back(server: NatsServer, tmp_path: Path) -> None:
    with registrar(tmp_path, server.url, Route(name="a", uris=["a.x"], port=1)):
        ears = Ears()
        first = await Bus.connect(BusConfig(servers=[server.url]), "test")
        await ears.listen(first)
        await first.publish("router.start", RouterStart(id="r", interval=600))
        await ears.next()
        server.stop()
        server.start()
        async with asyncio.timeout(PATIENCE):
            # both come back in their own time: ask until the registrar has heard
            while ears.registered.empty():
                await first.publish("router.start", RouterStart(id="r", interval=600))
                await asyncio.sleep(0.2)
        await first.close()


@pytest.mark.parametrize(
    ("route", "why"),
    [
        (Route(name="a", uris=[], port=1), "a has no uris"),
        (Route(name="a", uris=["a.x"]), "a has neither port nor tls_port"),
        (Route(name="a", uris=["a.x"], tls_port=1), "a has a tls_port and no server_cert_domain_san"),
    ],
)
def test_a_route_that_no_router_could_use(route: Route, why: str, tmp_path: Path) -> None:
    config = Config(nats=BusConfig(servers=["nats://127.0.0.1:1"]), host="127.0.0.1", routes=[route])
    path = tmp_path / "registrar.json"
    path.write_bytes(msgspec.json.encode(config))
    ended = subprocess.run(
        [sys.executable, "-m", "paas.registrar", "--config", path], capture_output=True, text=True, timeout=PATIENCE
    )
    assert ended.returncode == 2
    assert why in ended.stderr
    assert "Traceback" not in ended.stderr
