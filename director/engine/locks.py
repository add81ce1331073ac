"""Locks held by tasks (``deployment/web``, ``release/nginx``): leases that go to those who wait in the order of their tasks."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import defaultdict
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from director.engine.cancel import Cancel
from director.engine.lease import Hold
from director.engine.wake import EXPIRED, Alarm, wakes
from director.model.rows import PlanRow, Task
from director.ports.store import Lease, Store
from director.ports.task_log import TaskLog

PREFIX = "lock/"


@dataclass(frozen=True)
class Lock:
    """A lock in force, as GET /locks lists it: ``type`` deployment, ``resource`` its name parts, ``timeout`` epoch seconds."""

    type: str
    resource: tuple[str, ...]
    timeout: float
    task_id: int


def holder(owner: str, task_id: int) -> str:
    """A task's name as the owner of leases; unlike a director's, it differs from task to task."""
    return f"{owner}/task/{task_id}"


def task_of(lease: Lease) -> int:
    """The task that holds it; 0 when none does."""
    number = lease.owner.rpartition("/task/")[2]
    return int(number) if number.isdigit() else 0


async def locks(store: Store) -> list[Lock]:
    """All locks in force."""
    found: list[Lock] = []
    for lease in await store.leases(PREFIX):
        type_, _, resource = lease.name.removeprefix(PREFIX).partition("/")
        found.append(Lock(type_, tuple(resource.split("/")), lease.expires_at, task_of(lease)))
    return found


class Locks:
    """Waiting for locks, in order, within one director; between directors the store's wake-ups decide."""

    def __init__(self, store: Store, on_wait: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._queues: dict[str, list[int]] = defaultdict(list)
        self._on_wait = on_wait
        self.waiting: set[int] = set()

    async def take(self, name: str, task: Task, hold: Hold, cancel: Cancel | None, log: TaskLog) -> Lease:
        """The lease ``lock/<name>``, held from now on with the task's own. Raises `TaskCancelled` when the user tires of waiting."""
        lease_name = PREFIX + name
        queue = self._queues[name]
        insort(queue, task.id)
        told = ""
        event = asyncio.Event()
        alarm = Alarm(event.set)
        try:
            async with aclosing(wakes(self._store, f"lease/{lease_name}", "tasks", event=event)) as touches:
                async for _ in touches:
                    if cancel is not None:
                        await cancel.check()
                    before = await self._before(name, task)
                    if not before:
                        lease = await self._store.acquire(lease_name, hold.owner, hold.term)
                        if lease is not None:
                            hold.add(lease)
                            return lease
                        before = await self._held_by(lease_name, alarm)
                    if before != told:
                        told = before
                        self.waiting.add(task.id)
                        self._on_wait()
                        log.debug(f"Waiting for lock {name}: {before}")
            raise AssertionError("unreachable: wake-ups do not end")
        finally:
            alarm.clear()
            self.waiting.discard(task.id)
            queue.remove(task.id)
            if not queue:
                self._queues.pop(name, None)

    async def _before(self, name: str, task: Task) -> str:
        """Who must go first: an earlier task that waits, or an interrupted task whose plan for this deployment is half done."""
        first = self._queues[name][0]
        if first != task.id:
            return f"task {first} comes first"
        type_, _, resource = name.partition("/")
        if type_ == "deployment":
            rows = await self._store.find(Task, deployment=resource, state=["processing", "cancelling"])
            for row in rows:
                if row.id < task.id and await self._store.get(PlanRow, row.key) is not None:
                    return f"task {row.id} ({row.description}) is to finish its plan first"
        return ""

    async def _held_by(self, lease_name: str, alarm: Alarm) -> str:
        """Who holds it; when that lease runs out it is looked at again, for its holder may be dead."""
        for lease in await self._store.leases(lease_name):
            if lease.name == lease_name:
                alarm.set(max(0.0, lease.expires_at - await self._store.now()) + EXPIRED)
                return f"task {task_of(lease)} holds it"
        alarm.set(EXPIRED)  # it ran out between the two looks
        return "it is about to be free"
