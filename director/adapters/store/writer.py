"""One thread writes. Commits that wait together share one transaction, and so one fsync; each stands or falls alone in a savepoint, or in the
transaction when it is alone there."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

from sqlalchemy import Connection, Engine

T = TypeVar("T")

BATCH = 256


@dataclass(eq=False)
class Job:
    """One function to run in a transaction, and what became of it."""

    act: Callable[[Connection], Any]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[Any]
    topics: Iterable[str] = ()
    value: Any = None
    error: BaseException | None = None


@dataclass
class _Batch:
    jobs: list[Job] = field(default_factory=list[Job])
    last: bool = False


class Writer:
    """Runs functions on the writing connection, in the order they were given; ``tell`` gets their topics, on the loop."""

    def __init__(self, engine: Engine, tell: Callable[[Iterable[str]], None]) -> None:
        self._engine = engine
        self._tell = tell
        self._connection: Connection | None = None
        self._queue: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._closed = False
        self.batches = 0
        self._thread = threading.Thread(target=self._work, name="store-writer", daemon=True)
        self._thread.start()

    async def run(self, act: Callable[[Connection], T], topics: Iterable[str] = ()) -> T:
        """The value of ``act`` once its transaction is durable; followers of ``topics`` are woken just before that."""
        if self._closed:
            raise RuntimeError("the store is closed")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._queue.put(Job(act, loop, future, topics))
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
        last = False
        while not last:
            batch = self._gather()
            last = batch.last
            if batch.jobs:
                self._transact(batch.jobs)
                self._settle(batch.jobs)
        self._hang_up()

    def _connected(self) -> Connection:
        if self._connection is None:
            self._connection = self._engine.connect()
        return self._connection

    def _hang_up(self) -> None:
        if self._connection is not None:
            connection, self._connection = self._connection, None
            connection.close()

    def _transact(self, jobs: Sequence[Job]) -> None:
        self.batches += 1
        try:
            connection = self._connected()
            with connection.begin():
                if len(jobs) == 1:
                    jobs[0].value = jobs[0].act(connection)
                    return
                for job in jobs:
                    try:
                        with connection.begin_nested():
                            job.value = job.act(connection)
                    except Exception as error:
                        job.error = error
        except Exception as error:
            for job in jobs:
                job.error = job.error or error

    def _settle(self, jobs: Sequence[Job]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
        for job in jobs:
            by_loop.setdefault(job.loop, []).append(job)
        for loop, its_jobs in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._answer, its_jobs)

    def _answer(self, jobs: Sequence[Job]) -> None:
        for job in jobs:
            if job.error is None:
                self._tell(job.topics)
            if job.future.done():
                continue
            if job.error is None:
                job.future.set_result(job.value)
            else:
                job.future.set_exception(job.error)


class Inline:
    """The writer of a database in memory: no disk to wait for, so no thread; each function has a transaction of its own."""

    def __init__(self, engine: Engine, tell: Callable[[Iterable[str]], None]) -> None:
        self._connection = engine.connect()
        self._tell = tell
        self.batches = 0

    async def run(self, act: Callable[[Connection], T], topics: Iterable[str] = ()) -> T:
        await asyncio.sleep(0)  # others get their turn, as with a real database
        self.batches += 1
        with self._connection.begin():
            value = act(self._connection)
        self._tell(topics)
        return value

    async def close(self) -> None:
        self._connection.close()
