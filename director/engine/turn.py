"""On whose behalf a call is made: which task, how long a path still waits behind it, and what must be asked before it goes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

T = TypeVar("T")


async def _fine() -> None:
    """Nothing to ask."""


class Wait(Protocol):
    """As `Cancel.wait`."""

    async def __call__(self, waiting: Coroutine[Any, Any, T]) -> T: ...


async def _to_the_end(waiting: Coroutine[Any, Any, T]) -> T:
    return await waiting


@dataclass(frozen=True)
class Turn:
    """``weight``: length of the longest path from here (`Order`). ``lease`` raises `LeaseLost`, ``cancel`` raises `TaskCancelled` or `Interrupted`; they
    are asked after each wait for a place, before the call goes. ``wait`` tears off a wait when one of the latter is to be raised."""

    task_id: int = 0
    weight: float = 0
    lease: Callable[[], Awaitable[None]] = _fine
    cancel: Callable[[], Awaitable[None]] = _fine
    wait: Wait = _to_the_end

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
