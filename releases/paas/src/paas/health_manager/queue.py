"""Starts that wait for their turn: so many a second, the most urgent first, none twice."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum


class Priority(IntEnum):
    """Lower goes first."""

    DEA_GONE = 0
    MISSING = 1
    CRASHED = 2


@dataclass(frozen=True)
class Start:
    """One index of one version of an app."""

    droplet: str
    version: str
    index: int


@dataclass
class Queue:
    """`rate`: starts per second; what was not used in one second is not kept for the next."""

    rate: int
    _heap: list[tuple[int, int, Start]] = field(default_factory=list[tuple[int, int, Start]])
    _places: dict[Start, int] = field(default_factory=dict[Start, int])
    _count: int = 0
    _window: float = float("-inf")
    _used: int = 0

    def add(self, start: Start, priority: Priority) -> None:
        """Twice the same is one, with the greater urgency."""
        if self._places.get(start, priority + 1) <= priority:
            return
        self._places[start] = priority
        self._count += 1
        heapq.heappush(self._heap, (priority, self._count, start))

    def take(self, now: float, good: Callable[[Start], bool]) -> list[Start]:
        """Those whose turn it is; what is not `good` any more is dropped and takes no turn."""
        if now - self._window >= 1:
            self._window, self._used = now, 0
        taken: list[Start] = []
        while self._heap and self._used < self.rate:
            priority, _, start = heapq.heappop(self._heap)
            if self._places.get(start) != priority:
                continue  # it was added again, more urgent
            del self._places[start]
            if good(start):
                taken.append(start)
                self._used += 1
        return taken

    def clear(self) -> None:
        """Drop all."""
        self._heap.clear()
        self._places.clear()

    def __len__(self) -> int:
        return len(self._places)
