"""On whose behalf a call is made: which task, how long a path still waits behind it, and what must be asked before it goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


async def _fine() -> None:
    """Nothing to ask."""


@dataclass(frozen=True)
class Turn:
    """``weight``: length of the longest path from here (`Order`). ``lease`` raises `LeaseLost`, ``cancel`` raises `TaskCancelled` or `Interrupted`; they
    are asked after each wait for a place, before the call goes."""

    task_id: int = 0
    weight: float = 0
    lease: Callable[[], Awaitable[None]] = _fine
    cancel: Callable[[], Awaitable[None]] = _fine

    async def ask(self) -> None:
        await self.lease()
        await self.cancel()


_now: ContextVar[Turn] = ContextVar("turn", default=Turn())  # noqa: B039 (frozen)


def current() -> Turn:
    """The turn of the running task; one of nobody outside of tasks."""
    return _now.get()


@contextmanager
def taking(turn: Turn) -> Generator[None]:
    """Calls made inside are made on behalf of ``turn``."""
    token = _now.set(turn)
    try:
        yield
    finally:
        _now.reset(token)
