"""What goes wrong, and when: faults by method and by the number of its call; and what takes long."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from director.ports.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """``error`` is raised in place of the answer; the effect takes place all the same when ``after_effect``."""

    error: Exception
    after_effect: bool = False


class Script:
    """Counts calls by method and lets chosen ones fail."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self._faults: dict[tuple[str, int], Fault] = {}
        self._slow: dict[str, tuple[float, Clock]] = {}

    def slow(self, method: str, seconds: float, clock: Clock) -> None:
        """Calls of the method take so long from now on."""
        self._slow[method] = (seconds, clock)

    def fail(self, method: str, error: Exception, *, nth: int = 1) -> None:
        """The ``nth`` call of the method from now fails, and nothing happens."""
        self._faults[method, self.calls[method] + nth] = Fault(error)

    def lose(self, method: str, error: Exception, *, nth: int = 1) -> None:
        """The ``nth`` call of the method from now takes effect, but its answer is this error."""
        self._faults[method, self.calls[method] + nth] = Fault(error, after_effect=True)

    async def perform(self, method: str, effect: Callable[[], T]) -> T:
        """Count, fail or take effect. The effect is one moment; before and after it the caller may die."""
        self.calls[method] += 1
        fault = self._faults.pop((method, self.calls[method]), None)
        await asyncio.sleep(0)
        if method in self._slow:
            seconds, clock = self._slow[method]
            await clock.sleep(seconds)
        if fault is not None and not fault.after_effect:
            raise fault.error
        value = effect()
        if fault is not None:
            raise fault.error
        await asyncio.sleep(0)
        return value
