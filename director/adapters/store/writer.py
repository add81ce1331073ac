"""One thread writes. Commits that wait together share one transaction, and so one fsync; each stands or falls alone in a savepoint."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine

T = TypeVar("T")

BATCH = 256


@dataclass(eq=False)
class _Job:
    act: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    then: Callable[[], None] | None
    value: Any = None
    error: BaseException | None = None


@dataclass
class _Batch:
    jobs: list[_Job] = field(default_factory=list[_Job])
    last: bool = False


class Writer:
    """Runs functions on the writing connection, in the order they were given."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._queue: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._closed = False
        self.batches = 0
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, act: Callable[[Connection], T], then: Callable[[], None] | None = None) -> T:
        """The value of ``act`` once its transaction is durable; ``then`` is called on the loop just before that."""
        if self._closed:
            raise RuntimeError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.put(_Job(act, loop, future, then))
        return cast("T", await future)

    async def close(self) -> None:
        """Finish what is queued and end the thread."""
        if self._closed:
            return
        self._closed = True
        self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join)

    def _gather(self) -> _Batch:
        batch = _Batch()
        job = self._queue.get()
        while True:
            if job is None:
                batch.last = True
                return batch
            batch.jobs.append(job)
            if len(batch.jobs) >= BATCH:
                return batch
            try:
                job = self._queue.get_nowait()
            except queue.Empty:
                return batch

    def _work(self) -> None:
        with self._engine.connect() as connection:
            last = False
            while not last:
                batch = self._gather()
                last = batch.last
                if batch.jobs:
                    self._transact(connection, batch.jobs)
                    self._settle(batch.jobs)

    def _transact(self, connection: Connection, jobs: list[_Job]) -> None:
        self.batches += 1
        try:
            with connection.begin():
                for job in jobs:
                    try:
                        with connection.begin_nested():
                            job.value = job.act(connection)
                    except Exception as error:
                        job.error = error
        except Exception as error:
            for job in jobs:
                job.error = job.error or error

    @staticmethod
    def _settle(jobs: list[_Job]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[_Job]] = {}
        for job in jobs:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, its_jobs in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_answer, its_jobs)


class Inline:
    """The writer of a database in memory: no disk to wait for, so no thread; each function has a transaction of its own."""

    def __init__(self, engine: Engine) -> None:
        self._connection = engine.connect()
        self.batches = 0

    async def run(self, act: Callable[[Connection], T], then: Callable[[], None] | None = None) -> T:
        await asyncio.sleep(0)  # others get their turn, as with a real database
        self.batches += 1
        with self._connection.begin():
            value = act(self._connection)
        if then is not None:
            then()
        return value

    async def close(self) -> None:
        self._connection.close()


def _answer(jobs: list[_Job]) -> None:
    for job in jobs:
        if job.error is None and job.then is not None:
            job.then()
        if job.future.done():
            continue
        if job.error is None:
            job.future.set_result(job.value)
        else:
            job.future.set_exception(job.error)
