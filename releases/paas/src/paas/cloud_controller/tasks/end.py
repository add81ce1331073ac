"""How tasks end: as the DEA tells, or because their DEA is gone."""

from __future__ import annotations

import asyncio
import contextlib
import time

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from paas.bus.client import NoAnswerError
from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import tasks
from paas.database.transaction import Transaction
from paas.messages.dea import Exited, Find, Found

log = structlog.get_logger("tasks")

CANCELED = "task was cancelled"
UNENDED = ("PENDING", "RUNNING", "CANCELING")


async def fail_task(db: Transaction, task: str, reason: str) -> bool:
    """Whether it had not ended before."""
    mine = sa.and_(tasks.c.guid == task, tasks.c.state.in_(UNENDED))
    return bool((await db.execute(sa.update(tasks).where(mine).values(state="FAILED", failure_reason=reason))).rowcount)


async def task_exited(platform: Platform, told: Exited) -> None:
    """The DEA says so; status 0 is success."""
    async with platform.database.begin() as db:
        mine = sa.and_(tasks.c.guid == told.droplet, tasks.c.version == told.version, tasks.c.state.in_(UNENDED))
        row = (await db.execute(sa.select(tasks).where(mine).with_for_update())).first()
        if row is None:
            return
        if told.exit_status == 0 and told.reason == "STOPPED":
            values: dict[str, object] = {"state": "SUCCEEDED", "failure_reason": None}
        elif row.state == "CANCELING":
            values = {"state": "FAILED", "failure_reason": CANCELED}
        else:
            reason = told.exit_description or f"exited with status {told.exit_status}"
            values = {"state": "FAILED", "failure_reason": reason}
        await db.execute(sa.update(tasks).where(mine).values(values))


class Watcher:
    """Looks for tasks that nobody runs any more, every `look` seconds; one is lost that no DEA tells of for `lost`. One per process with role ``clock``; several do no harm."""

    def __init__(self, platform: Platform, look: float, lost: float) -> None:
        self._platform = platform
        self._look = look
        self._lost = lost
        self._missed: dict[str, float] = {}

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), self._look)
            try:
                await self._round()
            except (SQLAlchemyError, NoAnswerError, ApiError) as error:
                log.warning("tasks_interrupted", error=type(error).__name__)

    async def _round(self) -> None:
        async with self._platform.database.begin() as db:
            select = sa.select(tasks.c.guid).where(tasks.c.state.in_(("RUNNING", "CANCELING")))
            running = list((await db.execute(select)).scalars())
        self._missed = {task: since for task, since in self._missed.items() if task in running}
        await asyncio.gather(*(self._one(task) for task in running))

    async def _one(self, task: str) -> None:
        seconds = self._platform.config.intervals.find
        if await self._platform.bus.gather("dea.find.droplet", Find(droplet=task), Found, seconds, most=1):
            self._missed.pop(task, None)
            return
        if time.monotonic() - self._missed.setdefault(task, time.monotonic()) < self._lost:
            return
        async with self._platform.database.begin() as db:
            canceled = await db.scalar(sa.select(tasks.c.state).where(tasks.c.guid == task)) == "CANCELING"
            if await fail_task(db, task, CANCELED if canceled else "the DEA that ran the task is gone"):
                log.warning("task_lost", task=task)
