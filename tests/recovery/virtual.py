"""An event loop whose time is a number: when nobody can go on, it jumps to the next timer. All that runs in it is decided by its inputs."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

START = 1_700_000_000.0


AT_ONCE = 200_000
"""Rounds of the loop within one moment after which somebody is going round in a circle."""


class Stuck(AssertionError):
    """Nobody can go on and no timer runs: somebody waits for what never comes. Or the other way: one moment never ends."""


class _Jump(selectors.BaseSelector):
    """Never waits: a wait moves the loop's time. There are no files to watch but the loop's own."""

    def __init__(self) -> None:
        self.now = 0.0
        self._rounds = 0
        self._keys: dict[Any, selectors.SelectorKey] = {}

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        key = self._keys[fileobj] = selectors.SelectorKey(fileobj, 0, events, data)
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise Stuck("everybody waits and no timer runs")
        self._rounds += 1
        if timeout > 0:
            self.now += timeout
            self._rounds = 0
        elif self._rounds > AT_ONCE:
            raise Stuck(f"{AT_ONCE} rounds of the loop at {self.now:.3f} s, and nobody waits for a timer")
        return []

    def get_map(self) -> Any:
        return self._keys

    def close(self) -> None:
        self._keys.clear()


class VirtualLoop(asyncio.SelectorEventLoop):
    """``time`` starts at 0 and costs nothing. No threads, sockets or processes in it."""

    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)
        self._clock_resolution = 1e-6
        # deaths leave tasks behind that nobody asks for their end
        self.set_exception_handler(lambda loop, context: None)

    def time(self) -> float:
        return self._jump.now

    def run_in_executor(self, executor: Any, func: Callable[..., T], *args: Any) -> asyncio.Future[T]:  # type: ignore[override]
        """At once: what works beside the loop would not be decided by its inputs."""
        future: asyncio.Future[T] = self.create_future()
        try:
            future.set_result(func(*args))
        except Exception as error:
            future.set_exception(error)
        return future


class LoopClock:
    """`Clock` by the running loop's time."""

    def now(self) -> float:
        return START + asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run(work: Coroutine[Any, Any, T]) -> T:
    """``work`` on a loop of its own."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(work)
