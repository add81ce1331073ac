"""Progress of units as lines of the event output; after a restart a line is not told twice."""

from __future__ import annotations

from typing import Any

import msgspec

from director.model.events import Progress
from director.model.plan import Stage, Unit
from director.ports.clock import Clock
from director.ports.store import Store
from director.ports.task_log import TaskLog

Told = set[tuple[str, tuple[str, ...], str, int, str]]


async def already_told(store: Store, task_id: int) -> Told:
    """(stage, tags, task, index, state) of each progress line in the event output."""
    data, _ = await store.read_output(task_id, "event")
    told: Told = set()
    for line in data.splitlines():
        try:
            entry: Any = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if "stage" in entry:
            told.add((entry["stage"], tuple(entry["tags"]), entry["task"], entry["index"], entry["state"]))
    return told


class UnitProgress:
    """One unit's lines: started, in_progress with a status, and finished or failed."""

    def __init__(self, log: TaskLog, clock: Clock, stage: Stage, index: int, told: Told) -> None:
        self._log = log
        self._clock = clock
        self._stage = stage
        self._unit: Unit = stage.units[index]
        self._index = index + 1
        self._told = told
        self._progress = 0

    def started(self) -> None:
        self._tell("started", 0, once=True)

    def status(self, text: str) -> None:
        """What is being done right now."""
        self._tell("in_progress", self._progress, {"status": text})

    def advanced(self, done: int) -> None:
        """So many of the unit's steps are done; no line of its own."""
        self._progress = 100 * done // max(len(self._unit.steps), 1)

    def finished(self) -> None:
        self.started()
        self._tell("finished", 100, once=True)

    def failed(self, error: str) -> None:
        self.started()
        self._tell("failed", 100, {"error": error}, once=True)

    def _tell(self, state: str, progress: int, data: dict[str, str] | None = None, *, once: bool = False) -> None:
        tags = tuple(dict.fromkeys((*self._stage.tags, *self._unit.tags)))
        if once:
            line = (self._stage.title, tags, self._unit.task, self._index, state)
            if line in self._told:
                return
            self._told.add(line)
        self._log.progress(
            Progress(
                time=int(self._clock.now()),
                stage=self._stage.title,
                tags=tags,
                total=len(self._stage.units),
                task=self._unit.task,
                index=self._index,
                state=state,
                progress=progress,
                data=data or {},
            )
        )
