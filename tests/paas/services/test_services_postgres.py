"""A PostgreSQL node with a real engine: databases apart from each other, roles per binding, quotas, a node that is killed."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from paas.bus.client import Bus, BusConfig
from paas.messages.services import Bind, Bound, Done, Provision, Provisioned, Unbind, Unprovision
from psycopg import errors

from lab.ports import free_port
from tests.paas.bus.nats_server import NatsServer
from tests.paas.services.component import Component, eventually

CREDENTIALS = {"host", "port", "username", "password", "name", "uri"}
LUMP = "INSERT INTO t SELECT n, repeat(md5(n::text), 30) FROM generate_series(1, 300) n"


@pytest.fixture(scope="module")
def node(place: Path, nats: NatsServer, postgres_bin: Path) -> Iterator[Component]:
    health = free_port()
    # root's node runs the engine as another user, who must get to its folder
    (place / "pg").mkdir(mode=0o755)
    config = {
        "id": "n1",
        "host": "127.0.0.1",
        "capacity": 1000,
        "directory": str(place / "pg"),
        "secrets": ["a-secret-of-the-node-for-its-record"],
        "bus": {"servers": [nats.url]},
        "health": {"port": health},
        "bin": str(postgres_bin),
        "bind": "127.0.0.1",
        "port": free_port(),
        "user": "nobody",
        "shared_buffers": "16MB",
        "max_connections": 40,
        "quota_seconds": 0.2,
    }
    one = Component("paas.services.postgres", place, config, health)
    one.start()
    yield one
    if one.process is None:
        one.start()
    one.stop()
    assert not (place / "pg/engine/data/postmaster.pid").exists(), "a node that ends takes its engine with it"


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    one = await Bus.connect(BusConfig(servers=[nats.url]), "test")
    yield one
    await one.close()


async def provision(bus: Bus, name: str, size: int = 100, **limits: int) -> Provisioned:
    asked = Provision(name=name, plan="small", size=size, limits=limits)
    answer = await bus.request("postgres.provision.n1", asked, Provisioned, 30)
    assert answer.success, answer.error
    return answer


async def bind(bus: Bus, name: str, binding: str) -> dict[str, Any]:
    answer = await bus.request("postgres.bind.n1", Bind(name=name, binding=binding), Bound, 30)
    assert answer.success, answer.error
    return answer.credentials


async def unbind(bus: Bus, name: str, binding: str) -> None:
    asked = Unbind(name=name, binding=binding)
    assert (await bus.request("postgres.unbind.n1", asked, Done, 30)).success


async def remove(bus: Bus, name: str) -> None:
    assert (await bus.request("postgres.unprovision.n1", Unprovision(name=name), Done, 30)).success


def connect(credentials: dict[str, Any], **other: Any) -> psycopg.Connection[Any]:
    return psycopg.connect(credentials["uri"], autocommit=True, connect_timeout=20, **other)


async def test_what_one_binding_makes_the_next_can_use(node: Component, bus: Bus) -> None:
    made = await provision(bus, "ishared")
    assert made.credentials == {"name": "ishared", "host": "127.0.0.1", "port": node.config["port"]}
    one, two = await bind(bus, "ishared", "b1"), await bind(bus, "ishared", "b2")
    assert set(one) == CREDENTIALS
    assert one["username"] != two["username"]
    with connect(one) as app:
        app.execute("CREATE TABLE t (n int, s text)")
        app.execute("CREATE EXTENSION hstore")
        app.execute("RESET ROLE; CREATE SCHEMA mine")
    await unbind(bus, "ishared", "b1")
    await unbind(bus, "ishared", "b1")
    with pytest.raises(psycopg.OperationalError, match=r"authentication failed|not permitted to log in|does not exist"):
        connect(one)
    with connect(two) as app:
        app.execute("INSERT INTO t VALUES (1, 'x')")
        app.execute("CREATE TABLE mine.u (n int)")
        app.execute("DROP TABLE t")
    await remove(bus, "ishared")


async def test_unbinding_ends_what_is_connected(node: Component, bus: Bus) -> None:
    await provision(bus, "icut")
    credentials = await bind(bus, "icut", "b1")
    with connect(credentials) as app:
        app.execute("SELECT 1")
        await unbind(bus, "icut", "b1")
        with pytest.raises(psycopg.OperationalError):
            app.execute("SELECT 1")
    await remove(bus, "icut")


async def test_an_app_sees_its_own_database_only(node: Component, bus: Bus) -> None:
    await provision(bus, "imine")
    await provision(bus, "iother")
    credentials = await bind(bus, "imine", "b1")
    for name in ("iother", "postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match=r"permission denied|CONNECT"):
            connect(credentials, dbname=name)
    with pytest.raises(psycopg.OperationalError, match="pg_hba"):
        connect(credentials, user="node")
    with connect(credentials) as app:
        for statement in ("CREATE ROLE x", "COPY (SELECT 1) TO PROGRAM 'true'", "SET temp_file_limit = -1"):
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(statement)
    await remove(bus, "imine")
    await remove(bus, "iother")


async def test_no_more_connections_than_the_plan_says(node: Component, bus: Bus) -> None:
    await provision(bus, "ifew", max_connections=2)
    credentials = await bind(bus, "ifew", "b1")
    full = pytest.raises(psycopg.OperationalError, match="too many connections")
    with connect(credentials), connect(credentials), full:
        connect(credentials)
    await remove(bus, "ifew")


async def test_a_database_over_its_quota_takes_no_more_until_it_has_shrunk(node: Component, bus: Bus) -> None:
    await provision(bus, "ifull", size=20)
    credentials = await bind(bus, "ifull", "b1")
    with connect(credentials) as app:
        app.execute("CREATE TABLE t (n int, s text)")

    def writes(given: dict[str, Any], what: str = "INSERT INTO t VALUES (0, 'x')") -> bool | None:
        """Whether it may write; None while its connections are being ended."""
        try:
            with connect(given) as app:
                app.execute(what)
        except errors.InsufficientPrivilege:
            return False
        except psycopg.OperationalError:
            return None
        return True

    eventually(lambda: writes(credentials, LUMP) is False, "the closing")
    # nor for a binding made since, nor by other ways
    late = await bind(bus, "ifull", "b2")
    assert writes(late) is False
    with connect(late) as app:
        for way in ("RESET ROLE; INSERT INTO t VALUES (0, 'x')", "SET role = oifull", "CREATE TABLE u ()", LUMP):
            with pytest.raises(errors.InsufficientPrivilege):
                app.execute(way)
        row = app.execute("SELECT count(*) FROM t").fetchone()
        assert row and row[0] >= 300
        app.execute("DELETE FROM t WHERE n > 100")
    eventually(lambda: writes(late) and writes(credentials), "the opening")

    def creates() -> bool:
        try:
            with connect(late) as app:
                app.execute("CREATE TABLE u ()")
        except psycopg.OperationalError:  # the opening ends the connections that act as readers
            return False
        return True

    eventually(creates, "a new table")
    await remove(bus, "ifull")


async def test_a_killed_node_comes_back_to_its_engine_which_never_stopped(
    node: Component, bus: Bus, place: Path
) -> None:
    await provision(bus, "istay")
    credentials = await bind(bus, "istay", "b1")
    pid_file = place / "pg/engine/pid"
    with connect(credentials) as app:
        app.execute("CREATE TABLE t (n int)")
        before = pid_file.read_text()
        node.kill()
        app.execute("INSERT INTO t VALUES (1)")
        node.start()
        app.execute("INSERT INTO t VALUES (2)")
    assert pid_file.read_text() == before
    assert await bind(bus, "istay", "b1") == credentials
    os.kill(int(before), signal.SIGKILL)

    def rows() -> bool:
        try:
            with connect(credentials) as app:
                return app.execute("SELECT count(*) FROM t").fetchone() == (2,)
        except psycopg.OperationalError:
            return False

    eventually(rows, "the engine's return with its data")
    await remove(bus, "istay")


async def test_no_secret_is_in_a_log_or_readable_on_the_disk(node: Component, bus: Bus, place: Path) -> None:
    await provision(bus, "iquiet")
    credentials = await bind(bus, "iquiet", "b1")
    with connect(credentials) as app, pytest.raises(psycopg.Error):
        app.execute("SELECT 'my-own-secret' FROM nowhere")
    seen = [file for file in place.rglob("*") if file.is_file() and file.stat().st_size < 1 << 20]
    assert {"engine.log", "iquiet.sealed", "admin.sealed"} <= {file.name for file in seen}
    for secret in (credentials["password"], "my-own-secret"):
        assert [file for file in seen if secret.encode() in file.read_bytes()] == []
    await remove(bus, "iquiet")
    with pytest.raises(psycopg.OperationalError):
        connect(credentials)
