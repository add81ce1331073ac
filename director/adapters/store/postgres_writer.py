"""Writing to PostgreSQL: one transaction at a time over all directors, and each applied once even when its answer is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from sqlalchemy import Connection, Engine, func, select

from director.adapters.store.dialect import insert
from director.adapters.store.listen import notify
from director.adapters.store.outage import Outage, passing
from director.adapters.store.schema import SEQUENCES
from director.adapters.store.writer import Job, Writer

LOCK = 0x6D6572697374656D % 2**63  # one number for all directors of a database: "meristem" in ASCII


def lock(connection: Connection) -> None:
    """Be the only writer until this transaction ends: as in SQLite, what a commit expects cannot move before it is written."""
    connection.execute(select(func.pg_advisory_xact_lock(LOCK)))


class PostgresWriter(Writer):
    """Each transaction writes its number under the writer's name. When the connection breaks, the number says whether the last one took
    effect: asked under the lock, since the server may still be at it. ``name`` is this director's; no two that live may share it."""

    def __init__(self, engine: Engine, tell: Callable[[Iterable[str]], None], *, name: str, outage: Outage) -> None:
        self._name = name
        self._outage = outage
        self._last: int | None = None  # the number of the last transaction; None when the database must be asked
        self._number: int | None = None  # of the one under way, once it has one
        super().__init__(engine, tell)

    async def close(self) -> None:
        self._outage.give_up()
        await super().close()

    def _transact(self, jobs: Sequence[Job]) -> None:
        self._number = None
        try:
            self._insist(jobs)
            self._last = self._number
        except Exception as error:
            self._last = None
            for job in jobs:
                job.error = job.error or error

    def _insist(self, jobs: Sequence[Job]) -> None:
        while True:
            try:
                self._attempt(jobs)
            except Exception as error:
                self._hang_up()
                if not passing(error):
                    raise
                self._outage.wait(error)
            else:
                self._outage.end()
                return

    def _attempt(self, jobs: Sequence[Job]) -> None:
        connection = self._connected()
        with connection.begin():
            lock(connection)
            if self._number is None:
                self._number = (self._stored(connection) if self._last is None else self._last) + 1
            elif self._stored(connection) == self._number:
                return  # an earlier attempt was committed, and only the answer was lost
            self.batches += 1
            for job in jobs:
                self._do(connection, job)
            self._mark(connection, self._number)
            notify(connection, self._name, {topic for job in jobs if job.error is None for topic in job.topics})

    def _do(self, connection: Connection, job: Job) -> None:
        job.error = None
        try:
            with connection.begin_nested():
                job.value = job.act(connection)
        except Exception as error:
            if passing(error):
                raise
            job.error = error

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.invalidate()  # it may be broken: no farewell is sent
        super()._hang_up()

    def _stored(self, connection: Connection) -> int:
        statement = select(SEQUENCES.c.value).where(SEQUENCES.c.name == f"writer/{self._name}")
        return connection.execute(statement).scalar_one_or_none() or 0

    def _mark(self, connection: Connection, number: int) -> None:
        statement = insert(connection.dialect.name, SEQUENCES).values(name=f"writer/{self._name}", value=number)
        connection.execute(
            statement.on_conflict_do_update(index_elements=["name"], set_={"value": statement.excluded.value})
        )
