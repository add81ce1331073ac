"""Takes jobs up, keeps their leases while it works, and writes down how they ended."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from paas.blobs.errors import BlobStoreAwayError
from paas.cloud_controller.api.errors import ApiError, server_error
from paas.cloud_controller.jobs.job import Done, Job, Outcome, Work
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import jobs

log = structlog.get_logger("worker")

MOST_ATTEMPTS = 25
WAITING = ("PROCESSING", "POLLING")


class Worker:
    """Up to `slots` jobs at once. `wake` is set when there may be something to do."""

    def __init__(self, platform: Platform, works: dict[str, Work], wake: asyncio.Event) -> None:
        self._platform = platform
        self._works = works
        self._wake = wake
        self._slots = platform.config.workers
        self._running: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`; then what is under way may end, and what does not is taken up by others when its lease ends."""
        while not stop.is_set():
            self._wake.clear()
            try:
                while len(self._running) < self._slots and (found := await self._take()) is not None:
                    self._start(*found)
            except SQLAlchemyError as error:
                log.warning("database", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._platform.config.intervals.poll):
                    await self._wake.wait()
        for task in self._running:
            task.cancel()
        if self._running:
            await asyncio.wait(self._running)

    def _start(self, job: Job, fence: int) -> None:
        task = asyncio.create_task(self._work(job, fence))
        self._running.add(task)

        def ended(done: asyncio.Task[None]) -> None:
            self._running.discard(done)
            self._wake.set()

        task.add_done_callback(ended)

    async def _take(self) -> tuple[Job, int] | None:
        ready = (
            sa.select(jobs.c.guid)
            .where(
                jobs.c.state.in_(WAITING),
                jobs.c.due_at <= sa.func.now(),
                sa.or_(jobs.c.leased_until.is_(None), jobs.c.leased_until < sa.func.now()),
                jobs.c.operation.in_(list(self._works)),
            )
            .order_by(jobs.c.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        take = (
            sa.update(jobs)
            .where(jobs.c.guid == ready.scalar_subquery())
            .values(
                worker=self._platform.id,
                leased_until=self._lease(),
                attempts=jobs.c.attempts + 1,
                fence=jobs.c.fence + 1,
            )
            .returning(jobs)
        )
        async with self._platform.database.begin() as db:
            row = (await db.execute(take)).first()
        if row is None:
            return None
        job = Job(
            row.guid, row.operation, row.resource_guid or "", row.payload, row.sealed, row.user_guid, row.attempts
        )
        return job, row.fence

    def _lease(self) -> sa.ColumnElement[Any]:
        return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, self._platform.config.intervals.lease)

    async def _work(self, job: Job, fence: int) -> None:
        keeping = asyncio.create_task(self._keep(job, fence, asyncio.current_task()))
        try:
            changes = await self._changes(job)
        except asyncio.CancelledError:
            changes = {"leased_until": None, "due_at": sa.func.now()}
        finally:
            keeping.cancel()
        try:
            async with self._platform.database.begin() as db:
                mine = sa.and_(jobs.c.guid == job.guid, jobs.c.fence == fence)
                await db.execute(sa.update(jobs).where(mine).values(worker=None, **changes))
        except SQLAlchemyError as error:
            log.warning("job_not_written", job=job.guid, operation=job.operation, error=type(error).__name__)

    async def _changes(self, job: Job) -> dict[str, Any]:
        try:
            outcome: Outcome = await self._works[job.operation](self._platform, job)
        except ApiError as error:
            if error.status == 503 and job.attempt < MOST_ATTEMPTS:
                return self._retry(job)
            log.info("job_failed", job=job.guid, operation=job.operation, error=error.title)
            return _failed(error)
        except (SQLAlchemyError, BlobStoreAwayError) as error:
            log.warning("job_interrupted", job=job.guid, operation=job.operation, error=type(error).__name__)
            if job.attempt < MOST_ATTEMPTS:
                return self._retry(job)
            return _failed(server_error())
        except Exception:
            log.exception("job_fault", job=job.guid, operation=job.operation)
            return _failed(server_error())
        if isinstance(outcome, Done):
            warnings = [{"detail": one} for one in outcome.warnings]
            return {"state": "COMPLETE", "warnings": warnings, "leased_until": None, "sealed": ""}
        due = sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, outcome.seconds)
        # a little late: what is not due yet would wait for the next look
        asyncio.get_running_loop().call_later(outcome.seconds + 0.05, self._wake.set)
        more: dict[str, Any] = {} if outcome.payload is None else {"payload": outcome.payload}
        return {"state": "POLLING", "due_at": due, "leased_until": None, "attempts": 0, **more}

    def _retry(self, job: Job) -> dict[str, Any]:
        seconds = min(30.0, 0.5 * 2 ** min(job.attempt, 6))
        due = sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
        return {"due_at": due, "leased_until": None}

    async def _keep(self, job: Job, fence: int, working: asyncio.Task[None] | None) -> None:
        """Renew the lease; where another has taken the job, this one stops."""
        mine = sa.and_(jobs.c.guid == job.guid, jobs.c.fence == fence)
        while True:
            await asyncio.sleep(self._platform.config.intervals.lease / 3)
            try:
                async with self._platform.database.begin() as db:
                    kept = await db.execute(sa.update(jobs).where(mine).values(leased_until=self._lease()))
            except SQLAlchemyError:
                continue
            if not kept.rowcount and working is not None:
                log.warning("job_lost", job=job.guid, operation=job.operation)
                working.cancel()
                return


def _failed(error: ApiError) -> dict[str, Any]:
    return {"state": "FAILED", "errors": [error.as_dict()], "leased_until": None, "sealed": ""}
