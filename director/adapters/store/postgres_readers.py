"""Reading from PostgreSQL: a few threads, each with a connection of its own that is made again when it breaks."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from director.adapters.store.outage import Outage, passing

T = TypeVar("T")


class PostgresReaders:
    """Every call reads one snapshot, and waits for a server that is away."""

    def __init__(self, engine: Engine, outage: Outage, threads: int = 3) -> None:
        self._engine = engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
        self._outage = outage
        self._local = threading.local()
        self._open: set[Connection] = set()
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="store-reader")

    async def run(self, act: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, act)

    async def close(self) -> None:
        self._outage.give_up()
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
        for connection in self._open:
            connection.close()

    def _read(self, act: Callable[[Connection], T]) -> T:
        while True:
            try:
                connection = self._connected()
                with connection.begin():
                    value = act(connection)
            except Exception as error:
                self._hang_up()
                if not passing(error):
                    raise
                self._outage.wait(error)
            else:
                self._outage.end()
                return value

    def _connected(self) -> Connection:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = self._local.connection = self._engine.connect()
            self._open.add(connection)
        return connection

    def _hang_up(self) -> None:
        connection: Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            self._local.connection = None
            self._open.discard(connection)
            connection.invalidate()
            connection.close()
