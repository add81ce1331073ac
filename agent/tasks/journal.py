"""The journal of requests: what was accepted, what runs, what came of it. One folder per task, replaced atomically."""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agent import durable
from agent.errors import TaskNotFound
from agent.shapes import Json

log = logging.getLogger(__name__)

ACCEPTED = "accepted"
RUNNING = "running"
DONE = "done"
_KEPT = 200


@dataclass
class Task:
    """One accepted request. ``error`` is the message of a failure, None after success."""

    id: str
    method: str
    arguments: list[Any]
    protocol: int
    reply_to: str = ""
    push: bool = False
    key: str = ""
    synchronous: bool = False
    state: str = ACCEPTED
    sequence: int = 0
    value: Any = None
    error: str | None = None
    pushed: bool = False
    cancelled: bool = False
    notes: Json = field(default_factory=dict[str, Any])


@dataclass
class _Entry:
    state: str
    key: str
    sequence: int
    awaits_push: bool


class Journal:
    """Safe for use by several threads. Memory holds an index only; values stay on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        self._index: dict[str, _Entry] = {}
        self._keys: dict[str, str] = {}
        self._load()

    def accept(self, task: Task) -> Task:
        """Commit a new task. If its key was accepted before, the earlier task is returned instead."""
        with self._lock:
            earlier = self.by_key(task.key)
            if earlier is not None:
                return earlier
            task.sequence = 1 + max((entry.sequence for entry in self._index.values()), default=0)
            self.save(task)
            self._prune()
            return task

    def save(self, task: Task, *, sync: bool = True) -> None:
        """Commit the present state of ``task``. ``sync`` False: survives the agent, perhaps not the machine."""
        with self._lock:
            durable.write_json(self._path(task.id), asdict(task), sync=sync)
            self._remember(task)

    def find(self, task_id: str) -> Task:
        """The task; TaskNotFound if it is unknown."""
        with self._lock:
            if task_id not in self._index:
                raise TaskNotFound(task_id)
            found = self._read(task_id)
        if found is None:
            raise TaskNotFound(task_id)
        return found

    def by_key(self, key: str) -> Task | None:
        """The task accepted under ``key``, or None."""
        with self._lock:
            task_id = self._keys.get(key) if key else None
            return self._read(task_id) if task_id else None

    def unfinished(self) -> list[Task]:
        """Tasks that are accepted or running, oldest first."""
        return self._select(lambda entry: entry.state != DONE)

    def unpushed(self) -> list[Task]:
        """Finished tasks whose result the director asked to be told and was not told yet, oldest first."""
        return self._select(lambda entry: entry.awaits_push)

    def run_folder(self, task_id: str) -> Path:
        """Where the scripts of a task keep their marks and output; removed when the task is done."""
        return self._folder / task_id / "run"

    def _select(self, wanted: Callable[[_Entry], bool]) -> list[Task]:
        with self._lock:
            ids = sorted((e.sequence, i) for i, e in self._index.items() if wanted(e))
            found = [self._read(task_id) for _, task_id in ids]
        return [task for task in found if task is not None]

    def _path(self, task_id: str) -> Path:
        return self._folder / task_id / "task.json"

    def _read(self, task_id: str) -> Task | None:
        try:
            raw: Any = durable.read_json(self._path(task_id))
            return None if raw is None else Task(**raw)
        except (ValueError, TypeError) as error:
            log.error("task %s cannot be read and is left out: %s", task_id, error)
            return None

    def _remember(self, task: Task) -> None:
        awaits = task.state == DONE and task.push and not task.pushed
        self._index[task.id] = _Entry(task.state, task.key, task.sequence, awaits)
        if task.key:
            self._keys[task.key] = task.id

    def _load(self) -> None:
        if not self._folder.is_dir():
            return
        for entry in self._folder.iterdir():
            task = self._read(entry.name)
            if task is not None:
                self._remember(task)

    def _prune(self) -> None:
        done = sorted((e.sequence, i) for i, e in self._index.items() if e.state == DONE and not e.awaits_push)
        for _, task_id in done[: max(0, len(done) - _KEPT)]:
            key = self._index.pop(task_id).key
            if self._keys.get(key) == task_id:
                del self._keys[key]
            shutil.rmtree(self._folder / task_id, ignore_errors=True)
