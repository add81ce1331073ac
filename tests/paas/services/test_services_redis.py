"""A Redis node with real Redis servers: instances apart from each other, quotas, bindings, a node that dies and comes back."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from paas.bus.client import Bus, BusConfig
from paas.messages.services import (
    Announce,
    Bind,
    Bound,
    CheckOrphan,
    Discover,
    Done,
    NodeHandles,
    Provision,
    Provisioned,
    Unbind,
    Unprovision,
)

from lab.ports import free_port
from tests.paas.bus.nats_server import NatsServer
from tests.paas.services.component import Component, eventually
from tests.programs import need

need("redis-server", "redis-cli", module=True)
SECRET = "a-secret-of-the-node-for-its-record"


@pytest.fixture(scope="module")
def node(place: Path, nats: NatsServer) -> Iterator[Component]:
    first = free_port()
    health = free_port()
    config = {
        "id": "n1",
        "host": "127.0.0.1",
        "capacity": 100,
        "directory": str(place / "redis"),
        "secrets": [SECRET],
        "bus": {"servers": [nats.url]},
        "health": {"port": health},
        "bind": "127.0.0.1",
        "first_port": first,
        "last_port": first + 20,
    }
    one = Component("paas.services.redis", place, config, health)
    one.start()
    yield one
    if one.process is None:
        one.start()
    one.stop()
    assert not servers(place), "a node that ends takes its servers with it"


def servers(place: Path) -> list[int]:
    """Pids of the Redis servers below `place`."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes()
        except OSError:
            continue
        if b"redis-server" in words and str(place).encode() in words:
            found.append(int(entry.name))
    return found


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    one = await Bus.connect(BusConfig(servers=[nats.url]), "test")
    yield one
    await one.close()


async def provision(bus: Bus, name: str, size: int = 8, **limits: int) -> Provisioned:
    asked = Provision(name=name, plan="small", size=size, limits=limits)
    return await bus.request("redis.provision.n1", asked, Provisioned, 30)


async def bind(bus: Bus, name: str, binding: str) -> dict[str, Any]:
    answer = await bus.request("redis.bind.n1", Bind(name=name, binding=binding), Bound, 30)
    assert answer.success, answer.error
    return answer.credentials


async def remove(bus: Bus, name: str) -> None:
    assert (await bus.request("redis.unprovision.n1", Unprovision(name=name), Done, 30)).success


def redis(credentials: dict[str, Any], *words: str) -> str:
    """What an app would get for a command."""
    done = subprocess.run(
        ["redis-cli", "-u", credentials["uri"], "--no-auth-warning", *words], capture_output=True, text=True, timeout=30
    )
    return (done.stdout + done.stderr).strip()


async def test_an_instance_serves_the_app_that_is_bound_to_it(node: Component, bus: Bus) -> None:
    made = await provision(bus, "ione", max_connections=11)
    assert made.success, made.error
    credentials = await bind(bus, "ione", "b1")
    assert credentials["port"] == made.credentials["port"]
    assert set(credentials) == {"host", "port", "username", "password", "name", "uri"}
    assert redis(credentials, "SET", "greeting", "hello") == "OK"
    assert redis(credentials, "GET", "greeting") == "hello"
    assert "NOPERM" in redis(credentials, "CONFIG", "GET", "*")
    assert "NOPERM" in redis(credentials, "ACL", "LIST")
    await remove(bus, "ione")
    assert "refused" in redis(credentials, "GET", "greeting")


async def test_the_same_question_gets_the_same_answer(node: Component, bus: Bus) -> None:
    first = await provision(bus, "itwice")
    assert await provision(bus, "itwice") == first
    assert await bind(bus, "itwice", "b1") == await bind(bus, "itwice", "b1")
    other = await provision(bus, "itwice", size=9)
    assert (other.success, other.error) == (False, "instance itwice is here already, with plan small")
    await remove(bus, "itwice")
    await remove(bus, "itwice")


async def test_one_binding_ends_and_the_other_lives(node: Component, bus: Bus) -> None:
    await provision(bus, "ipair")
    one, two = await bind(bus, "ipair", "b1"), await bind(bus, "ipair", "b2")
    redis(one, "SET", "k", "v")
    assert (await bus.request("redis.unbind.n1", Unbind(name="ipair", binding="b1"), Done, 30)).success
    assert "WRONGPASS" in redis(one, "GET", "k")
    assert redis(two, "GET", "k") == "v"
    await remove(bus, "ipair")


async def test_an_instance_holds_no_more_than_its_plan_says(node: Component, bus: Bus) -> None:
    await provision(bus, "ifull", size=2)
    credentials = await bind(bus, "ifull", "b1")
    lump = "x" * 100_000
    assert any("OOM" in redis(credentials, "SET", f"k{number}", lump) for number in range(30))
    redis(credentials, "FLUSHALL")
    assert redis(credentials, "SET", "more", "x") == "OK"
    # a script is checked only as it begins: what it takes too much ends the server, which comes back
    redis(credentials, "EVAL", "for i=1,600 do redis.call('SET', i, string.rep('x', 1000000)) end", "0")
    assert eventually(lambda: "refused" not in redis(credentials, "PING"), "the server's return")
    await remove(bus, "ifull")


async def test_a_full_node_says_so_and_announces_what_is_free(node: Component, bus: Bus) -> None:
    assert (await provision(bus, "ibig", size=90)).success
    refused = await provision(bus, "imore", size=20)
    assert (refused.success, refused.error_type) == (False, "NoCapacity")
    assert refused.error == "node n1 has 10 MB free, plan small takes 20 MB"
    told = await bus.gather("redis.discover", Discover(plan="small"), Announce, 20, most=1)
    assert [(one.id, one.available_capacity, one.max_capacity) for one in told] == [("n1", 10, 100)]
    await remove(bus, "ibig")


async def test_a_killed_node_comes_back_to_its_servers_which_never_stopped(
    node: Component, bus: Bus, place: Path
) -> None:
    await provision(bus, "istay")
    credentials = await bind(bus, "istay", "b1")
    redis(credentials, "SET", "k", "kept")
    before = servers(place)
    node.kill()
    assert redis(credentials, "GET", "k") == "kept"
    node.start()
    assert servers(place) == before
    held = await bus.gather("redis.check_orphan", CheckOrphan(), NodeHandles, 20, most=1)
    assert held == [NodeHandles(id="n1", instances={"istay": ["b1"]})]
    # an adopted server is watched like any other
    os.kill(before[0], signal.SIGKILL)
    eventually(lambda: redis(credentials, "GET", "k") == "kept", "the server's return with its data")
    assert servers(place) != before
    node.stop()
    assert not servers(place)
    node.start()
    assert redis(credentials, "GET", "k") == "kept"
    await remove(bus, "istay")


async def test_no_secret_is_in_the_log_or_readable_on_the_disk(node: Component, bus: Bus, place: Path) -> None:
    await provision(bus, "iquiet")
    password = (await bind(bus, "iquiet", "b1"))["password"]
    seen = [file for file in place.rglob("*") if file.is_file()]
    assert any(file.name == "users.acl" for file in seen)
    assert [file for file in seen if password.encode() in file.read_bytes()] == []
    # the test's own file of configuration has the node's secret, as it must
    assert [file.name for file in seen if SECRET.encode() in file.read_bytes()] == ["paas.services.redis.json"]
    assert (place / "redis/instances").stat().st_mode & 0o077 == 0
    await remove(bus, "iquiet")


async def test_a_name_that_leads_elsewhere_is_refused(node: Component, bus: Bus) -> None:
    for name in ("../up", "a/b", "", "A", "x" * 60):
        answer = await provision(bus, name)
        assert not answer.success
        assert "is no name for an instance" in answer.error
