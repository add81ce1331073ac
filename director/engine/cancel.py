"""Stopping between steps: because a user cancelled the task, or because this director is about to end."""

from __future__ import annotations

from director.model.errors import TaskCancelled
from director.model.rows import Task
from director.ports.store import Store


class Interrupted(Exception):
    """This director ends; the task stays as it is and goes on with the next one. No failure: handlers that note failures do not see it."""


class Cancel:
    """Asked between steps. The task's row is the truth; ``interrupt`` is for the end of this director."""

    def __init__(self, store: Store, task_id: int) -> None:
        self._store = store
        self._task_id = task_id
        self._ending = False

    def interrupt(self) -> None:
        self._ending = True

    async def check(self) -> None:
        """Raises `TaskCancelled` or `Interrupted`."""
        if self._ending:
            raise Interrupted(f"Task {self._task_id} pauses because the director stops")
        row = await self._store.get(Task, f"{self._task_id:012d}")
        if row is not None and row.state == "cancelling":
            raise TaskCancelled(self._task_id)
