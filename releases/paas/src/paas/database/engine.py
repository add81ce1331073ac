"""The database of one component: a pool of connections, transactions, and work that is tried again when the server went away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Connection, Engine, RootTransaction, create_engine, make_url, text
from sqlalchemy.exc import SQLAlchemyError

from paas.database.config import DatabaseConfig
from paas.database.migrate import migrate
from paas.database.outage import DatabaseAwayError, passing, short
from paas.database.transaction import Threads, Transaction

T = TypeVar("T")

log = structlog.get_logger("database")

RETRY_SECONDS = 0.2
SESSION = "-c idle_in_transaction_session_timeout=15000 -c lock_timeout=15000 -c statement_timeout=60000"
"""A component that was stopped (not killed) inside a transaction must not hold the others up; milliseconds."""


class Database:
    """Made by `open`; ends with `close`."""

    def __init__(self, config: DatabaseConfig, engine: Engine) -> None:
        self._config = config
        self._engine = engine
        most = 2 * config.pool
        self._threads = Threads(most)
        # no thread ever waits for a connection: those that have one could not go on
        self._turns = asyncio.Semaphore(most)

    @classmethod
    async def open(cls, config: DatabaseConfig, component: str, migrations: Path | None = None) -> Database:
        """Wait until the server is there, however long, and bring the schema of `component` to the newest of `migrations`."""
        config.check()
        one = cls(config, _engine(config, component))
        told = False
        while True:
            try:
                if migrations is None:
                    await one.ready()
                else:
                    async with one.begin() as transaction:
                        await transaction.run_sync(migrate, component, migrations)
                return one
            except SQLAlchemyError as error:
                if not passing(error):
                    raise
                if not told:
                    log.warning("database_awaited", database=config.place, error=short(error))
                    told = True
                await asyncio.sleep(RETRY_SECONDS)

    @asynccontextmanager
    async def begin(self) -> AsyncGenerator[Transaction]:
        """A transaction, committed at the end of the block and rolled back by an exception. Not tried again."""
        async with self._turns:
            opened: list[tuple[Connection, RootTransaction]] = []
            try:
                await self._threads.run(self._open, opened)
                yield Transaction(opened[0][0], self._threads)
            except BaseException:
                for connection, root in opened:
                    await self._threads.run(_end, connection, root.rollback)
                raise
            connection, root = opened[0]
            await self._threads.run(_end, connection, root.commit)

    async def run(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """`work` in a transaction, all of it again while the server is away or after a collision; DatabaseAwayError after `patience`.

        `work` may run more than once: its effects outside of the database must bear that.
        """
        deadline = time.monotonic() + self._config.patience
        while True:
            try:
                async with self.begin() as transaction:
                    return await work(transaction)
            except SQLAlchemyError as error:
                if not passing(error):
                    raise
                if time.monotonic() >= deadline:
                    raise DatabaseAwayError(f"The database {self._config.place} is away: {short(error)}") from None
                log.warning("database_retry", database=self._config.place, error=short(error))
                await asyncio.sleep(RETRY_SECONDS)

    async def ready(self) -> None:
        """Returns when a connection answers; raises SQLAlchemy's error otherwise. For ``/healthz``."""
        async with self.begin() as transaction:
            await transaction.execute(text("SELECT 1"))

    async def close(self) -> None:
        """Close all connections."""
        await self._threads.run(self._engine.dispose)
        self._threads.close()

    def _open(self, opened: list[tuple[Connection, RootTransaction]]) -> None:
        # into a list: who asked may have been cancelled meanwhile, and must still end it
        connection = self._engine.connect()
        try:
            opened.append((connection, connection.begin()))
        except BaseException:
            connection.close()
            raise


def _end(connection: Connection, how: Callable[[], None]) -> None:
    try:
        how()
    finally:
        connection.close()


def _engine(config: DatabaseConfig, component: str) -> Engine:
    url = make_url(config.url)
    given = url.query.get("options", "")
    arguments: dict[str, Any] = {
        "application_name": f"paas-{component}",
        "connect_timeout": 5,
        "target_session_attrs": "read-write",
        "keepalives_idle": 5,
        "keepalives_interval": 5,
        "keepalives_count": 3,
        "tcp_user_timeout": 15000,
        "options": f"{SESSION} {given}".strip(),
    }
    if config.ca:
        arguments |= {"sslmode": "verify-ca", "sslrootcert": config.ca}
    return create_engine(
        url.difference_update_query(["options"]),
        connect_args=arguments,
        pool_size=config.pool,
        max_overflow=config.pool,
        pool_pre_ping=True,
        hide_parameters=True,  # values of statements, passwords among them, stay out of messages
    )
