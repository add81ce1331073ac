"""Reading beside the writer: a few threads, each with a connection of its own. In memory there is one connection for all."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine

from director.adapters.store.writer import Inline

T = TypeVar("T")


class Readers(Protocol):
    """Runs functions that only read."""

    async def run(self, act: Callable[[Connection], T]) -> T: ...

    async def close(self) -> None: ...


class ThreadReaders:
    """A small pool; every call reads one snapshot."""

    def __init__(self, engine: Engine, threads: int = 3) -> None:
        self._engine = engine
        self._local = threading.local()
        self._connections: list[Connection] = []
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="store-reader", initializer=self._connect)

    def _connect(self) -> None:
        connection = self._engine.connect().execution_options(read_only=True)
        connection.exec_driver_sql("PRAGMA query_only=ON")
        connection.rollback()
        self._local.connection = connection
        self._connections.append(connection)

    def _read(self, act: Callable[[Connection], T]) -> T:
        connection: Connection = self._local.connection
        with connection.begin():
            return act(connection)

    async def run(self, act: Callable[[Connection], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, act)

    async def close(self) -> None:
        await asyncio.get_running_loop().run_in_executor(None, self._pool.shutdown)
        for connection in self._connections:
            connection.close()


class WriterReads:
    """Reads on the one connection of a database in memory."""

    def __init__(self, writer: Inline) -> None:
        self._writer = writer

    async def run(self, act: Callable[[Connection], T]) -> T:
        return await self._writer.run(act)

    async def close(self) -> None:
        return None
