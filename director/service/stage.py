"""Stages of work that is not a plan's: their progress lines in a task's event output."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from director.model.errors import DirectorError
from director.model.events import Progress
from director.ports.task_log import TaskLog


class StageLog:
    """One stage with ``total`` tasks, told one by one."""

    def __init__(self, log: TaskLog, title: str, total: int = 1, tags: tuple[str, ...] = ()) -> None:
        self._log = log
        self._title = title
        self._total = total
        self._tags = tags
        self._index = 0

    @asynccontextmanager
    async def task(self, name: str) -> AsyncGenerator[None]:
        """started, then finished or failed with the error's sentence."""
        self._index += 1
        index = self._index
        self._tell(name, index, "started", 0, {})
        try:
            yield
        except Exception as error:
            text = error.description if isinstance(error, DirectorError) else str(error)
            self._tell(name, index, "failed", 100, {"error": text})
            raise
        self._tell(name, index, "finished", 100, {})

    def _tell(self, name: str, index: int, state: str, progress: int, data: dict[str, str]) -> None:
        self._log.progress(
            Progress(
                time=int(time.time()),
                stage=self._title,
                tags=self._tags,
                total=self._total,
                task=name,
                index=index,
                state=state,
                progress=progress,
                data=data,
            )
        )
