"""Opening the store in PostgreSQL, shared by several directors."""

from __future__ import annotations

import asyncio
import secrets

from sqlalchemy import Engine

from director.adapters.store.listen import Listening
from director.adapters.store.migrate import upgrade
from director.adapters.store.outage import Outage, passing
from director.adapters.store.postgres_place import PostgresPlace
from director.adapters.store.postgres_readers import PostgresReaders
from director.adapters.store.postgres_writer import PostgresWriter, lock
from director.adapters.store.sql import SqlStore
from director.adapters.store.topics import Topics
from director.model.learn import learn


async def open_postgres(place: PostgresPlace, *, name: str = "", poll: float = 5) -> SqlStore:
    """The store in this database, made or upgraded first. ``name`` is this director's own, the same in each of its lives.

    Raises `DatabaseAway` when the server cannot be reached within ``place.wait`` seconds.
    """
    learn()  # before the first thread
    engine = place.engine()
    await asyncio.get_running_loop().run_in_executor(None, _prepare, engine, Outage(place.name, place.wait))
    name = name or secrets.token_hex(8)
    topics = Topics()
    writer = PostgresWriter(engine, topics.tell, name=name, outage=Outage(place.name, place.wait))
    readers = PostgresReaders(engine, Outage(place.name, place.wait))
    listening = Listening(place.arguments(), name, topics.tell, topics.tell_all)
    await listening.started()
    return SqlStore(engine, writer, readers, topics, poll=poll, close=listening.close)


def _prepare(engine: Engine, outage: Outage) -> None:
    while True:
        try:
            upgrade(engine, lock=lock)
        except Exception as error:
            if not passing(error):
                raise
            outage.wait(error)
        else:
            outage.end()
            return
