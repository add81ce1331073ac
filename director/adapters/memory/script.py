"""What goes wrong, and when: faults by method and by the number of its call; and what takes long."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from director.ports.clock import Clock

T = TypeVar("T")


@dataclass(frozen=True)
class Fault:
    """``error`` is raised in place of the answer; the effect takes place all the same when ``after_effect``. ``seconds``: the call takes longer."""

    error: Exception | None = None
    after_effect: bool = False
    seconds: float = 0


def _nothing(method: str) -> None:
    return None


class Script:
    """Counts calls by method and lets chosen ones fail. ``seconds`` tells how long a call takes before and after its effect; ``before`` and
    ``after`` are told of each effect, and ``before`` may forbid it by an exception; ``answered`` is awaited before the caller goes on."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.seconds: Callable[[str], tuple[float, float]] = lambda method: (0, 0)
        self.before: Callable[[str], None] = _nothing
        self.after: Callable[[str], None] = _nothing
        self.answered: Callable[[], Awaitable[None]] | None = None
        self._faults: dict[tuple[str, int], Fault] = {}
        self._slow: dict[str, tuple[float, Clock]] = {}
        self._blocked: dict[str, Exception] = {}

    def slow(self, method: str, seconds: float, clock: Clock) -> None:
        """Calls of the method take so long from now on."""
        self._slow[method] = (seconds, clock)

    def fail(self, method: str, error: Exception, *, nth: int = 1) -> None:
        """The ``nth`` call of the method from now fails, and nothing happens."""
        self._faults[method, self.calls[method] + nth] = Fault(error)

    def lose(self, method: str, error: Exception, *, nth: int = 1) -> None:
        """The ``nth`` call of the method from now takes effect, but its answer is this error."""
        self._faults[method, self.calls[method] + nth] = Fault(error, after_effect=True)

    def delay(self, method: str, seconds: float, *, nth: int = 1) -> None:
        """The ``nth`` call of the method from now takes so much longer."""
        self._faults[method, self.calls[method] + nth] = Fault(seconds=seconds)

    def block(self, method: str, error: Exception) -> None:
        """All calls of the method fail, until `lift`."""
        self._blocked[method] = error

    def lift(self) -> None:
        """Nothing goes wrong any more."""
        self._faults.clear()
        self._blocked.clear()

    async def perform(self, method: str, effect: Callable[[], T]) -> T:
        """Count, fail or take effect. The effect is one moment; before and after it the caller may die."""
        self.calls[method] += 1
        fault = self._faults.pop((method, self.calls[method]), Fault())
        before, after = self.seconds(method)
        await asyncio.sleep(before + fault.seconds)
        if method in self._slow:
            seconds, clock = self._slow[method]
            await clock.sleep(seconds)
        error = self._blocked.get(method, fault.error)
        if error is None or fault.after_effect:
            self.before(method)
            value = effect()
            self.after(method)
            await asyncio.sleep(after)
            if self.answered is not None:
                await self.answered()
            if error is None:
                return value
        assert error is not None
        raise error
