"""Hears PostgreSQL's notifications and sets events; after a lost connection everything is woken once."""

from __future__ import annotations

import asyncio

import psycopg
import structlog
from psycopg import sql
from sqlalchemy.engine import make_url

log = structlog.get_logger("listen")

PAUSE_SECONDS = 1


async def listen(database: str, events: dict[str, asyncio.Event], stop: asyncio.Event) -> None:
    """Until `stop`: each channel of `events` sets its event. `database` as SQLAlchemy writes it."""
    url = make_url(database).set(drivername="postgresql").render_as_string(hide_password=False)
    listening = asyncio.create_task(_forever(url, events))
    await stop.wait()
    listening.cancel()
    await asyncio.wait([listening])


async def _forever(url: str, events: dict[str, asyncio.Event]) -> None:
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
                for channel in events:
                    await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
                for event in events.values():
                    event.set()
                async for notice in connection.notifies():
                    events[notice.channel].set()
        except psycopg.Error as error:
            log.warning("listen", error=type(error).__name__)
        await asyncio.sleep(PAUSE_SECONDS)
