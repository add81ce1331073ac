"""What an action is given: its arguments, its journal, its cancel flag."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from agent.errors import ArgumentError, Cancelled
from agent.process.cancel import CancelFlag
from agent.shapes import Json, as_object, as_string
from agent.tasks.journal import Journal, Task


class Call:
    """One execution of one request.

    ``resumed`` is True when an earlier agent process began the same task. Notes are committed at once and are
    there again after a restart, so that an action can skip what it has finished.
    """

    def __init__(self, task: Task, journal: Journal, *, resumed: bool = False) -> None:
        self.task = task
        self.resumed = resumed
        self.cancel = CancelFlag()
        self.restart_when_done = False
        self._journal = journal
        if task.cancelled:
            self.cancel.set()

    @property
    def arguments(self) -> list[Any]:
        return self.task.arguments

    @property
    def protocol(self) -> int:
        return self.task.protocol

    @property
    def run_folder(self) -> Path:
        """For scripts of this task; survives the agent, removed when the task is done."""
        return self._journal.run_folder(self.task.id)

    def noted(self, name: str) -> Any:
        """What an earlier ``note`` of this task stored, or None."""
        return self.task.notes.get(name)

    def note(self, name: str, value: Any = True) -> None:
        """Commit progress."""
        self.task.notes[name] = value
        if not self.task.synchronous:
            self._journal.save(self.task)

    def text(self, position: int, name: str) -> str:
        """Argument ``position`` as a non-empty string."""
        return as_string(self._argument(position, name), f"{self.task.method}: argument {name}")

    def object(self, position: int, name: str) -> Json:
        """Argument ``position`` as a JSON object."""
        return as_object(self._argument(position, name), f"{self.task.method}: argument {name}")

    def optional(self, position: int) -> Any:
        """Argument ``position``, or None."""
        return self.arguments[position] if position < len(self.arguments) else None

    def check_cancelled(self) -> None:
        """Raise Cancelled if the task was cancelled."""
        if self.cancel.is_set:
            raise Cancelled(f"{self.task.method} was cancelled")

    def _argument(self, position: int, name: str) -> Any:
        if position >= len(self.arguments):
            raise ArgumentError(f"{self.task.method}: argument {name} (number {position + 1}) is missing")
        return self.arguments[position]
