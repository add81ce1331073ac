"""`Store` over SQLAlchemy Core."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, select

from director.adapters.store import leases, output, rows
from director.adapters.store.dialect import MEMORY, Now, insert, now, open_sqlite
from director.adapters.store.migrate import create, upgrade
from director.adapters.store.outage import DatabaseAway
from director.adapters.store.readers import Readers, ThreadReaders, WriterReads
from director.adapters.store.schema import SEQUENCES
from director.adapters.store.topics import Topics, task_topic, topics_of
from director.adapters.store.writer import Inline, Writer
from director.model.errors import LeaseLost
from director.model.learn import learn
from director.model.rows import Row
from director.ports.store import Changes, Lease

R = TypeVar("R", bound=Row)


class SqlStore:
    """The director's store. Open it with `open_store` or `open_postgres`; one writer thread, a few reading ones, wake-ups by topic.

    ``close`` is called when the store closes.
    """

    def __init__(
        self,
        engine: Engine,
        writer: Writer | Inline,
        readers: Readers,
        topics: Topics,
        *,
        poll: float,
        close: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._engine = engine
        self._writer = writer
        self._readers = readers
        self._topics = topics
        self._poll = poll
        self._close = close

    @property
    def batches(self) -> int:
        """Transactions written so far; fewer than commits, since those that wait together share one."""
        return self._writer.batches

    async def get(self, kind: type[R], key: str) -> R | None:
        return await self._readers.run(lambda connection: rows.get(connection, kind, key))

    async def find(
        self,
        kind: type[R],
        *,
        newest_first: bool = False,
        limit: int | None = None,
        before: str | None = None,
        **where: str | int | bool | Sequence[str] | None,
    ) -> list[R]:
        asked = rows.query(kind, newest_first=newest_first, limit=limit, before=before, where=where)

        def read(connection: Connection) -> list[R]:
            return rows.many(connection, kind, asked, bounded=limit is not None or bool(where))

        return await self._readers.run(read)

    async def commit(self, changes: Changes, *, lease: Lease | None = None) -> None:
        prepared = rows.Prepared(changes)
        topics = topics_of(changes)

        def write(connection: Connection) -> None:
            if lease is not None:
                leases.check(connection, lease)
            prepared.write(connection)

        try:
            await self._writer.run(write, topics)
        except DatabaseAway as error:
            if lease is None:
                raise
            # whether it took effect is not known; who takes the lease next reads it from the rows
            raise LeaseLost(f"Lease {lease.name} cannot be proved: {error.message}") from error

    async def next_id(self, sequence: str, count: int = 1) -> int:
        def write(connection: Connection) -> int:
            statement = insert(connection.dialect.name, SEQUENCES).values(name=sequence, value=count)
            statement = statement.on_conflict_do_update(
                index_elements=["name"], set_={"value": SEQUENCES.c.value + count}
            ).returning(SEQUENCES.c.value)
            return int(connection.execute(statement).scalar_one()) - count + 1

        return await self._writer.run(write)

    async def acquire(self, name: str, owner: str, seconds: float) -> Lease | None:
        return await self._writer.run(lambda connection: leases.acquire(connection, name, owner, seconds))

    async def renew(self, lease: Lease, seconds: float) -> Lease:
        return await self._writer.run(lambda connection: leases.renew(connection, lease, seconds))

    async def release(self, lease: Lease) -> None:
        await self._writer.run(
            lambda connection: leases.release(connection, lease),
            (f"lease/{lease.name}", "leases"),
        )

    async def leases(self, prefix: str = "") -> list[Lease]:
        return await self._readers.run(lambda connection: leases.in_force(connection, prefix))

    async def now(self) -> float:
        return await self._readers.run(
            lambda connection: float(connection.execute(select(now(connection.dialect.name))).scalar_one())
        )

    async def append_output(self, task_id: int, kind: str, text: str, *, lease: Lease | None = None) -> None:
        data = text.encode()
        if not data:
            return

        def write(connection: Connection) -> None:
            if lease is not None:
                leases.check(connection, lease, expired=True)
            output.append(connection, task_id, kind, data)

        await self._writer.run(write, (task_topic(task_id),))

    async def read_output(
        self, task_id: int, kind: str, offset: int = 0, limit: int | None = None
    ) -> tuple[bytes, int]:
        return await self._readers.run(lambda connection: output.read(connection, task_id, kind, offset, limit))

    async def forget_tasks(self, task_ids: Sequence[int]) -> None:
        await self._writer.run(lambda connection: output.forget(connection, task_ids))

    def follow(self, topic: str) -> AsyncIterator[None]:
        return self._topics.follow(topic, self._poll)

    async def close(self) -> None:
        if self._close is not None:
            await self._close()
        await self._readers.close()
        await self._writer.close()
        self._engine.dispose()


async def open_store(path: Path | str, *, clock: Now | None = None, poll: float = 5) -> SqlStore:
    """The SQLite store in this file (made or upgraded first), or in memory for ``:memory:``.

    ``poll`` seconds is how long a follower waits at most for what another process wrote; ``clock`` replaces the host's time in tests.
    """
    learn()  # before the first thread
    engine = open_sqlite(path, clock=clock)
    topics = Topics()
    if str(path) == MEMORY:
        create(engine)
        inline = Inline(engine, topics.tell)
        return SqlStore(engine, inline, WriterReads(inline), topics, poll=poll)
    await asyncio.get_running_loop().run_in_executor(None, upgrade, engine)
    return SqlStore(engine, Writer(engine, topics.tell), ThreadReaders(engine), topics, poll=poll)
