"""The how-to on writing a service: its node under a real gateway, with real NATS servers as instances."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import nats as client
import pytest
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.paas.bus.nats_server import NatsServer
from tests.paas.database.database_place import own_database
from tests.paas.services.component import Component, eventually
from tests.paas.services.platform import PASSWORD, USER, Platform

DOCS = Path(__file__).resolve().parents[3] / "docs/how-to"


@pytest.fixture(scope="module")
def node(place: Path, nats: NatsServer) -> Iterator[Component]:
    health = free_port()
    config = {
        "id": "n1",
        "host": "127.0.0.1",
        "capacity": 100,
        "directory": str(place / "node"),
        "secrets": ["a-generated-password"],
        "bus": {"servers": [nats.url]},
        "health": {"port": health},
        "first_port": free_port(),
    }
    one = Component("nats_service", place, config, health, str(DOCS))
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope="module")
def platform(place: Path, nats: NatsServer, node: Component, postgres: PostgresServer) -> Iterator[Platform]:
    with own_database(postgres) as database:
        port = free_port()
        config = {
            "label": "messages",
            "offering": {
                "name": "messages",
                "description": "A message bus of your own",
                "plans": [{"name": "small", "size": 10, "limits": {"max_connections": 3}}],
            },
            "listen": {"port": port},
            "credentials": {"username": USER, "password": PASSWORD},
            "bus": {"servers": [nats.url]},
            "database": msgspec.to_builtins(database),
            "secrets": ["a-generated-password"],
        }
        gateway = Component("paas.services.gateway", place, config, port)
        gateway.start()
        one = Platform(port)
        yield one
        one.http.close()
        gateway.stop()


async def ignored(_: Exception) -> None:
    """What a client is told in the background."""


async def connect(credentials: dict[str, Any]) -> Any:
    return await client.connect(credentials["uri"], max_reconnect_attempts=1, reconnect_time_wait=0.1, error_cb=ignored)


async def test_apps_get_a_bus_of_their_own(platform: Platform, node: Component, place: Path) -> None:
    platform.made("one")
    first = platform.bind("one", "b1").json()["credentials"]
    second = platform.bind("one", "b2").json()["credentials"]
    writer, reader = await connect(first), await connect(second)
    heard = await reader.subscribe("greeting")
    await reader.flush()
    for attempt in range(20):
        # a bus delivers at most once: one word may be lost while its server takes new users over
        await writer.publish("greeting", b"hello")
        await writer.flush(20)
        try:
            assert (await heard.next_msg(timeout=2)).data == b"hello"
            break
        except NatsTimeoutError:
            assert attempt < 19
    await writer.close()

    assert platform.unbind("one", "b1").status_code == 200
    with pytest.raises(NatsError):
        await connect(first)
    # the instance outlives its node; the other binding is connected all the time
    node.kill()
    node.start()
    assert reader.is_connected
    await reader.close()
    node.stop()
    with pytest.raises((NatsError, OSError)):
        await connect(second)
    node.start()
    await (await connect(second)).close()
    platform.gone("one")
    eventually(lambda: not list((place / "node/data").iterdir()), "the removal of its files")


async def test_a_plan_limits_connections(platform: Platform) -> None:
    platform.made("two")
    credentials = platform.bind("two", "b3").json()["credentials"]
    held = [await connect(credentials) for _ in range(3)]
    with pytest.raises(NatsError):
        await connect(credentials)
    await asyncio.gather(*(one.close() for one in held))
    platform.gone("two")
