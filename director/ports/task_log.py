"""What a running task tells: events for users, debug and CPI logs for operators, results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from director.model.events import Progress
from director.ports.store import Lease


class TaskLog(Protocol):
    """Lines reach the store in order; nothing here waits for the database (a writer behind it does); ``flush`` waits."""

    @property
    def task_id(self) -> int: ...

    def bind(self, lease: Callable[[], Lease]) -> None:
        """From now on lines are written under this lease only: a director that lost it has nothing more to tell."""
        ...

    def progress(self, entry: Progress) -> None: ...

    def warning(self, message: str, *, deprecation: bool = False) -> None: ...

    def failure(self, code: int, message: str) -> None: ...

    def debug(self, line: str) -> None: ...

    def cpi(self, line: str) -> None: ...

    def result(self, value: Any) -> None:
        """One JSON line of the result output."""
        ...

    async def flush(self) -> None:
        """Returns when all told so far is durable. Raises `LeaseLost` when it was bound to a lease that is lost; the lines are dropped then."""
        ...
