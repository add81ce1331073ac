"""Stopping between steps, and in waits that change nothing: because a user cancelled the task, or because this director is about to end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import aclosing
from typing import Any, TypeVar

from director.engine.wake import wakes
from director.model.briefs import TaskBrief
from director.model.errors import StoreAway, TaskCancelled
from director.ports.store import Store

T = TypeVar("T")


class Interrupted(Exception):
    """This director ends; the task stays as it is and goes on with the next one. No failure: handlers that note failures do not see it."""


class Cancel:
    """Asked between steps. The task's row is the truth; ``interrupt`` is for the end of this director."""

    def __init__(self, store: Store, task_id: int) -> None:
        self._store = store
        self._task_id = task_id
        self._ending = False
        self._moved = asyncio.Event()
        self._waits = 0
        self._looking: asyncio.Task[Exception] | None = None

    def interrupt(self) -> None:
        self._ending = True
        self._moved.set()

    async def check(self) -> None:
        """Raises `TaskCancelled` or `Interrupted`."""
        if self._ending:
            raise Interrupted(f"Task {self._task_id} pauses because the director stops")
        row = await self._store.get(TaskBrief, f"{self._task_id:012d}")  # its request may hold a large manifest
        if row is not None and row.state == "cancelling":
            raise TaskCancelled(self._task_id)

    async def wait(self, waiting: Coroutine[Any, Any, T]) -> T:
        """What ``waiting`` returns. It is torn off, and `TaskCancelled` or `Interrupted` raised, as soon as `check` would: so it must change
        nothing outside. One look at the task's row serves all waits."""
        work = asyncio.ensure_future(waiting)
        if self._looking is None:
            self._looking = asyncio.create_task(self._look_out(), name=f"cancel-{self._task_id}")
        looking = self._looking
        self._waits += 1
        try:
            await asyncio.wait({work, looking}, return_when=asyncio.FIRST_COMPLETED)
            if work.done():
                return work.result()
            raise looking.result().with_traceback(None)
        finally:
            self._waits -= 1
            if not self._waits:
                self._looking = None
                looking.cancel()
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _look_out(self) -> Exception:
        """Why to stop, once there is a reason."""
        async with aclosing(wakes(self._store, "tasks", event=self._moved)) as moves:
            async for _ in moves:
                try:
                    await self.check()
                except (TaskCancelled, Interrupted) as stop:
                    return stop
                except StoreAway:
                    continue  # the database is away: that is no reason to give up waiting for others
        raise AssertionError("unreachable: wake-ups do not end")
