"""Every store contract runs on the file store, on its memory twin, on PostgreSQL and on the store of dictionaries, with a clock whose hands a test can turn."""

from __future__ import annotations

import itertools
import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from director.adapters.memory.store import MemoryStore
from director.adapters.store.sql import SqlStore, open_store
from director.ports.store import Store

if TYPE_CHECKING:
    from tests.contract.store.postgres_server import PostgresServer

_numbers = itertools.count(1)

# found before the server's own functions by a connection whose search path says so
CLOCK = """
CREATE TABLE hands (ahead double precision NOT NULL);
INSERT INTO hands VALUES (0);
CREATE FUNCTION clock_timestamp() RETURNS timestamptz LANGUAGE sql AS
  'SELECT pg_catalog.clock_timestamp() + (SELECT ahead FROM hands) * interval ''1 second''';
"""


EMPTY = """
DO $$ DECLARE one text; BEGIN
  FOR one IN SELECT tablename FROM pg_tables WHERE schemaname = current_schema()
      AND tablename NOT IN ('hands', 'alembic_version') LOOP
    EXECUTE format('DELETE FROM %I', one);
  END LOOP;
  UPDATE hands SET ahead = 0;
END $$
"""


class Hands:
    """The database's clock: the host's, moved forward by hand."""

    def __init__(self) -> None:
        self._ahead = 0.0
        self.turned: list[Callable[[float], None]] = []

    @property
    def ahead(self) -> float:
        return self._ahead

    @ahead.setter
    def ahead(self, seconds: float) -> None:
        self._ahead = seconds
        for tell in self.turned:
            tell(seconds)

    def now(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
def empty_schema(postgres: PostgresServer) -> str:
    """The name of a new empty schema."""
    return postgres.schema(f"test_{os.getpid()}_{next(_numbers)}")


@pytest.fixture(scope="session")
def _shared_schema(postgres: PostgresServer) -> str:
    name = postgres.schema(f"shared_{os.getpid()}")
    with postgres.connect() as connection:
        connection.execute(f"SET search_path TO {name}")
        connection.execute(CLOCK)
    return name


@pytest.fixture
def schema(postgres: PostgresServer, _shared_schema: str) -> str:
    """The name of a schema whose tables, once made, are empty: to make them takes longer than most tests."""
    with postgres.connect() as connection:
        connection.execute(f"SET search_path TO {_shared_schema}")
        connection.execute(EMPTY)
    return _shared_schema


@pytest.fixture
def poll() -> float:
    """Seconds after which a follower looks by itself. A test that is about wake-ups asks for more by `parametrize`."""
    return 0.2


@pytest.fixture(params=["file", "memory", "postgres", "dictionaries"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, hands: Hands, poll: float) -> AsyncIterator[Store]:
    opened: SqlStore | MemoryStore
    if request.param == "postgres":
        opened = await _in_postgres(request, hands, poll)
    elif request.param == "dictionaries":
        opened = MemoryStore(now=hands.now, poll=poll)
    else:
        path = tmp_path / "director.db" if request.param == "file" else ":memory:"
        opened = await open_store(path, clock=hands.now, poll=poll)
    yield opened
    await opened.close()


async def _in_postgres(request: pytest.FixtureRequest, hands: Hands, poll: float) -> SqlStore:
    server: PostgresServer = request.getfixturevalue("postgres")
    name: str = request.getfixturevalue("schema")
    from director.adapters.store.postgres import open_postgres

    def turn(seconds: float) -> None:
        with server.connect() as connection:
            connection.execute(f"UPDATE {name}.hands SET ahead = {seconds}")

    hands.turned.append(turn)
    return await open_postgres(server.place(name), poll=poll)
