"""What breaks while requests come: endpoints, the locator, the bus, the router itself. No request may fail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import httpx2
from paas.bus.client import Bus, Message
from paas.messages.router import RouterStart

from tests.paas.bus.nats_server import NatsServer
from tests.paas.router.backend import backends
from tests.paas.router.edge import PATIENCE, Edge, connected, endpoint, routed, running
from tests.paas.router.load import load

NAME = "app.example.com"


async def test_an_endpoint_dies_under_load(edge: Edge, bus: Bus) -> None:
    name = "dies.example.com"
    async with backends("a", "b", "c") as [a, b, c]:
        await routed(edge, bus, *(endpoint(one.port, name) for one in (a, b, c)))
        async with load(name, edge.config.nginx.port) as some:
            await some.more(300)
            await b.stop()
            await some.none_of("b")
            await some.more(300)
            before = some.names["b"]
            await b.start()  # when it is back it is asked again, three seconds after it failed
            async with asyncio.timeout(60):
                while some.names["b"] == before:
                    await some.more(50)
        some.assert_none_failed()
        assert min(some.names.values()) > 50


async def test_an_endpoint_leaves_before_it_stops(edge: Edge, bus: Bus) -> None:
    name = "leaves.example.com"
    async with backends("a", "b") as [a, b]:
        await routed(edge, bus, endpoint(a.port, name), endpoint(b.port, name))
        async with load(name, edge.config.nginx.port) as some:
            await some.more(200)
            await routed(edge, bus, endpoint(a.port, name), subject="router.unregister")
            await some.none_of("a")
            await a.stop()
            await some.more(200)
        some.assert_none_failed()


async def test_the_locator_dies_and_comes_back(nats: NatsServer, own: Path) -> None:
    with running(Edge.make(own, nats.url, interval=1)) as edge:
        async with connected(nats.url) as bus, backends("a", "b") as [a, b]:
            await routed(edge, bus, endpoint(a.port, NAME), endpoint(b.port, NAME))
            async with load(NAME, edge.config.nginx.port) as some:
                await some.more(100)
                edge.kill("locator")
                ends = asyncio.get_running_loop().time() + 2.5  # longer than nginx remembers
                while asyncio.get_running_loop().time() < ends:
                    await some.more(50)
                assert edge.health() == 200
                # what was never asked for cannot be known
                answer = httpx2.get(edge.url, headers={"host": "new.example.com"})
                assert (answer.status_code, answer.headers["x-cf-routererror"]) == (503, "router_not_ready")
                started: asyncio.Queue[RouterStart] = asyncio.Queue()

                async def note(message: Message[RouterStart]) -> None:
                    await started.put(message.body)

                await bus.subscribe("router.start", RouterStart, note)
                await bus.flush()
                edge.start_locator()
                hello = await asyncio.wait_for(started.get(), PATIENCE)
                assert (hello.interval, hello.prune) == (1, 120)
                await some.more(100)  # nobody has registered yet
                await routed(edge, bus, endpoint(a.port, NAME))
                await some.none_of("b")
            some.assert_none_failed()


async def test_a_router_is_unfit_until_all_had_time_to_register(nats: NatsServer, own: Path) -> None:
    edge = Edge.make(own, nats.url, interval=2)
    try:
        edge.start(ready=False)
        answer = httpx2.get(edge.url, headers={"host": NAME})
        assert (answer.status_code, answer.headers["x-cf-routererror"]) == (503, "router_not_ready")
        edge.wait_status(200)
        async with asyncio.timeout(PATIENCE):
            while httpx2.get(edge.url, headers={"host": NAME}).status_code != 404:
                await asyncio.sleep(0.05)
    finally:
        edge.stop()


async def test_what_is_not_registered_again_is_forgotten_but_not_while_the_bus_is_away(own: Path) -> None:
    with NatsServer.running(own) as server, running(Edge.make(own / "e", server.url, prune=5)) as edge:
        async with connected(server.url) as bus, backends("a", "b") as [a, b]:
            await routed(edge, bus, endpoint(a.port, NAME), endpoint(b.port, "other.example.com"))
            async with load(NAME, edge.config.nginx.port, clients=2) as some:
                server.stop()
                ends = asyncio.get_running_loop().time() + 6
                while asyncio.get_running_loop().time() < ends:
                    await some.more(10)
                assert set(edge.table()) == {NAME, "other.example.com"}
                server.start()
                # from now on only one of them says that it is there
                async with asyncio.timeout(PATIENCE):
                    while "other.example.com" in edge.table():
                        await bus.publish("router.register", endpoint(a.port, NAME))
                        await asyncio.sleep(0.1)
            some.assert_none_failed()
            assert set(edge.table()) == {NAME}


async def test_the_bus_is_not_there_when_the_router_starts(own: Path) -> None:
    server = NatsServer(own)
    edge = Edge.make(own / "e", server.url)
    try:
        edge.start(ready=False)
        server.start()
        edge.wait_status(200)
        async with connected(server.url) as bus, backends("a") as [a]:
            await routed(edge, bus, endpoint(a.port, NAME))
    finally:
        edge.stop()
        server.stop()


async def test_greeting(edge: Edge, bus: Bus) -> None:
    answer = await bus.request("router.greet", {}, RouterStart, PATIENCE)
    assert answer.id
    assert answer.hosts == ["127.0.0.1"]


async def test_a_router_leaves_while_another_one_serves(nats: NatsServer, own: Path) -> None:
    """As a load balancer does, clients open connections to a router whose health check is good, and let go when told to."""
    with running(Edge.make(own / "1", nats.url)) as one, running(Edge.make(own / "2", nats.url)) as two:
        async with connected(nats.url) as bus, backends("a") as [a]:
            await routed(one, bus, endpoint(a.port, NAME))
            await routed(two, bus, endpoint(a.port, NAME))
            fit = [one]
            async with load(NAME, lambda: fit[0].config.nginx.port) as some:
                await some.more(200)
                Path(one.config.nginx.drain_file).touch()
                await asyncio.to_thread(one.wait_status, 503)
                fit[0] = two
                counted = a.requests
                await some.left(one.config.nginx.port)
                await asyncio.to_thread(one.quit_nginx)
                await some.more(200)
            some.assert_none_failed()
            assert a.requests > counted


async def test_requests_under_way_end_before_nginx_does(nats: NatsServer, own: Path) -> None:
    with running(Edge.make(own, nats.url)) as edge:
        async with connected(nats.url) as bus, backends("slow") as [slow]:
            await routed(edge, bus, endpoint(slow.port, NAME))
            slow.gate = asyncio.Event()
            asking = asyncio.create_task(
                asyncio.to_thread(httpx2.get, edge.url, headers={"host": NAME}, timeout=2 * PATIENCE)
            )
            await asyncio.wait_for(slow.taken.wait(), PATIENCE)
            ending = asyncio.create_task(asyncio.to_thread(edge.quit_nginx))
            async with asyncio.timeout(PATIENCE):
                while edge.health():
                    await asyncio.sleep(0.05)
            slow.gate.set()
            assert (await asking).json()["name"] == "slow"
            await ending


async def test_a_body_that_is_too_large(nats: NatsServer, own: Path) -> None:
    with running(Edge.make(own, nats.url, max_body_size="10k")) as edge:
        async with connected(nats.url) as bus, backends("a") as [a]:
            await routed(edge, bus, endpoint(a.port, NAME))
            async with httpx2.AsyncClient(timeout=PATIENCE) as client:
                small = await client.post(edge.url, content=bytes(9000), headers={"host": NAME})
                large = await client.post(edge.url, content=bytes(11000), headers={"host": NAME})
        assert small.status_code == 200
        assert (large.status_code, large.headers["x-cf-routererror"]) == (413, "request_too_large")
