"""Old tasks are forgotten, with their plans, journals and outputs: by count for each type, and by age; old events by count. A few at a time, so
that nobody waits.

As the public director does it (``max_tasks``, ``tasks_retention_period``, ``tasks_deployments_retention_period``), but hourly and not as a task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence

import structlog
from msgspec import Struct, field

from director.model.briefs import TaskBrief
from director.model.rows import EventRow
from director.ports.clock import Clock
from director.ports.store import Changes, Store

LEASE = "retention"
PAGE = 200
BATCH = 20
PAUSE = 0.02
FIRST, EVERY, TERM = 120.0, 3600.0, 900.0
DAY = 86400.0
ENDED = ("done", "error", "cancelled", "timeout")

_log = structlog.get_logger("retention")


class RetentionSettings(Struct, frozen=True):
    """``most`` ended tasks are kept of each type; those that ended more than ``days`` ago go too (None: whatever their age). ``deployments``:
    other days for the tasks of some. ``events``: as many of the newest events are kept."""

    most: int = 2000
    days: float | None = None
    deployments: Mapping[str, float] = field(default_factory=dict[str, float])
    events: int = 100_000

    def too_old(self, task: TaskBrief, now: float) -> bool:
        """By its deployment's limit, or that of all."""
        days = self.deployments.get(task.deployment or "", self.days)
        return days is not None and task.finished_at is not None and task.finished_at < now - days * DAY


class Retention:
    """Of several directors, the one that gets the lease sweeps."""

    def __init__(
        self, store: Store, clock: Clock, types: Iterable[str], settings: RetentionSettings, *, owner: str
    ) -> None:
        self._store = store
        self._clock = clock
        self._types = sorted(types)
        self._settings = settings
        self._owner = owner

    async def serve(self) -> None:
        """Sweep from time to time, until cancelled."""
        wait = FIRST
        while True:
            await asyncio.sleep(wait)
            wait = EVERY
            try:
                lease = await self._store.acquire(LEASE, self._owner, TERM)
                if lease is not None:
                    count = await self.sweep()
                    events = await self.sweep_events()
                    if count or events:
                        _log.info("old tasks and events forgotten", tasks=count, events=events)
                    await self._store.release(lease)
            except Exception as error:
                _log.error("old tasks and events could not be forgotten", error=str(error))

    async def sweep(self) -> int:
        """Once; how many tasks were forgotten. Two that sweep at once do no harm."""
        return sum([await self._sweep(type) for type in self._types])

    async def sweep_events(self) -> int:
        """Once; how many events were forgotten. They are counted by their ids, which are given without gaps but for a few."""
        newest = await self._store.find(EventRow, newest_first=True, limit=1)
        last = newest[0].id - self._settings.events if newest else 0
        count = 0
        while last > 0:
            old = await self._store.find(EventRow, newest_first=True, limit=BATCH, before=f"{last + 1:012d}")
            if not old:
                break
            await self._store.commit(Changes(delete=[(EventRow, one.key) for one in old]))
            count += len(old)
            await asyncio.sleep(PAUSE)
        return count

    async def _sweep(self, type: str) -> int:
        now, kept, count = self._clock.now(), 0, 0
        before: str | None = None
        while True:
            page = await self._store.find(TaskBrief, type=type, newest_first=True, limit=PAGE, before=before)
            old: list[int] = []
            for task in page:
                if task.state not in ENDED:
                    continue
                if kept >= self._settings.most or self._settings.too_old(task, now):
                    old.append(task.id)
                else:
                    kept += 1
            await self._forget(old)
            count += len(old)
            if len(page) < PAGE:
                return count
            before = page[-1].key

    async def _forget(self, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), BATCH):
            await self._store.forget_tasks(ids[start : start + BATCH])
            await asyncio.sleep(PAUSE)
