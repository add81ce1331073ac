"""Brings a component's schema up to date: alembic, under a lock, so that processes that start together do it once."""

from __future__ import annotations

import asyncio
import zlib
from pathlib import Path

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

log = structlog.get_logger("database")

PAUSE_SECONDS = 1
CONNECT_SECONDS = 5
POOL_SECONDS = 10


class MigrationError(Exception):
    """The database has a schema that this version does not know."""


async def migrate(engine: AsyncEngine, component: str, migrations: Path) -> None:
    """Run what is missing of the `migrations` folder (alembic's ``env.py`` and ``versions/``), all or nothing.

    Waits for the database, however long that takes to come.
    """
    while True:
        try:
            async with engine.begin() as db:
                await db.run_sync(_upgrade, component, migrations)
            return
        except OperationalError as error:
            log.warning("database_away", error=str(error.orig))
            await asyncio.sleep(PAUSE_SECONDS)


def _upgrade(connection: sa.Connection, component: str, migrations: Path) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(zlib.crc32(f"migrate {component}".encode()))))
    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise MigrationError(
            f"the database of {component} cannot be brought to this version's schema: {error}. "
            "Start the newer version again, or restore the database that belongs to this one."
        ) from error


def open_engine(url: str, connections: int = 10) -> AsyncEngine:
    """An engine for ``postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME``; at most `connections` at once.

    A connection is tried when it is taken from the pool, so that one which the server closed is not used.
    """
    return create_async_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_pre_ping=True,
        pool_timeout=POOL_SECONDS,
        connect_args={"connect_timeout": CONNECT_SECONDS},
    )
