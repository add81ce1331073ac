"""A transaction for code on the event loop: statements run in threads, which the database's own pool holds.

SQLAlchemy's asyncio extension needs greenlet, a library that is not among ours; the calls here are named as there.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, CursorResult, Executable, ScalarResult

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """As many as there may be connections; who waits for one, waits on the event loop."""

    def __init__(self, count: int) -> None:
        self._pool = ThreadPoolExecutor(count, thread_name_prefix="database")

    async def run(self, call: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """The call's result. Cancelled meanwhile, it still waits for the call's end: a connection is never used by two."""
        future = self._pool.submit(call, *arguments, **named)
        waiter = asyncio.wrap_future(future)
        cancelled: asyncio.CancelledError | None = None
        while True:
            try:
                result = await asyncio.shield(waiter)
            except asyncio.CancelledError as error:
                if waiter.done():
                    raise
                cancelled = error
                continue
            except Exception:
                if cancelled is not None:
                    raise cancelled from None
                raise
            if cancelled is not None:
                raise cancelled
            return result

    def close(self) -> None:
        """No more calls; those under way end by themselves."""
        self._pool.shutdown(wait=False)


class Transaction:
    """Made by `Database.begin` and `Database.run`; one statement at a time. Results are complete when a call returns."""

    def __init__(self, connection: Connection, threads: Threads) -> None:
        self._connection = connection
        self._threads = threads

    async def execute(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        """As `Connection.execute`: a list of parameters makes one statement of many."""
        return await self._threads.run(self._connection.execute, statement, parameters)

    async def scalar(self, statement: Executable, parameters: Any = None) -> Any:
        """The first column of the first row; None where there is no row."""
        return await self._threads.run(self._connection.scalar, statement, parameters)

    async def scalars(self, statement: Executable, parameters: Any = None) -> ScalarResult[Any]:
        """The first column of all rows."""
        return (await self.execute(statement, parameters)).scalars()

    async def run_sync(self, call: Callable[Concatenate[Connection, P], T], *arguments: P.args, **named: P.kwargs) -> T:
        """``call(connection, ...)`` in a thread: several statements for the price of one change of threads."""
        return await self._threads.run(call, self._connection, *arguments, **named)
