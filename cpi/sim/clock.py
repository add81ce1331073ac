"""Time of a simulated cloud: real, real but faster, or moved by whoever rehearses."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Seconds. Used from several threads."""

    def now(self) -> float:
        """The time, in seconds since 1970."""
        ...

    def sleep(self, seconds: float) -> None:
        """Return when so much time has passed."""
        ...


class RealClock:
    """The machine's time; with `speed` 60 a simulated minute of waiting takes a second."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed

    def now(self) -> float:
        return time.time() * self._speed

    def sleep(self, seconds: float) -> None:
        if seconds > 0:
            time.sleep(seconds / self._speed)


class VirtualClock:
    """Time that passes when somebody says so. With `flowing` a sleep moves the hands itself and never waits;
    without, a sleep lasts until `advance` has been called often enough."""

    def __init__(self, start: float = 1_700_000_000.0, *, flowing: bool = True) -> None:
        self._now = start
        self._flowing = flowing
        self._moved = threading.Condition()

    def now(self) -> float:
        with self._moved:
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._moved:
            end = self._now + max(0.0, seconds)
            if self._flowing:
                self._now = end
                self._moved.notify_all()
            self._moved.wait_for(lambda: self._now >= end)

    def advance(self, seconds: float) -> None:
        """Move the hands; sleepers whose time has come go on."""
        with self._moved:
            self._now += seconds
            self._moved.notify_all()
