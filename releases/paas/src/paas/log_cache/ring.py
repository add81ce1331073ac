"""The last lines of one app, in the order of their times."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

OVERHEAD = 200
"""Bytes that a line takes besides its text, about."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; `text` in UTF-8, `stream` OUT or ERR."""

    text: bytes
    source: str
    instance: str
    stream: str


class Ring:
    """Times are in nanoseconds and each is there once: who reads on from the last time plus one misses nothing."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._times: list[int] = []
        self._entries: list[Entry] = []
        self.size = 0
        self.expired = 0

    def __len__(self) -> int:
        return min(len(self._times), self._limit)

    @property
    def oldest(self) -> int:
        """The first line's time."""
        return self._times[-len(self)]

    @property
    def newest(self) -> int:
        """The last line's time."""
        return self._times[-1]

    def add(self, at: int, entry: Entry) -> None:
        """A line that came late finds its place; one of the same time as another comes a nanosecond after it."""
        times = self._times
        if not times or at > times[-1]:
            times.append(at)
            self._entries.append(entry)
        else:
            place = bisect_left(times, at)
            while place < len(times) and times[place] == at:
                place, at = place + 1, at + 1
            times.insert(place, at)
            self._entries.insert(place, entry)
        self.size += len(entry.text) + OVERHEAD
        # in steps, as each moves all that stays
        if len(times) >= self._limit + self._limit // 8 + 1:
            self.drop(len(times) - self._limit)

    def drop(self, count: int) -> None:
        """The oldest lines are over."""
        self.size -= sum(len(entry.text) + OVERHEAD for entry in self._entries[:count])
        del self._times[:count]
        del self._entries[:count]
        self.expired += count

    def read(self, start: int, end: int | None, limit: int, descending: bool) -> Iterator[tuple[int, Entry]]:
        """Lines of ``start <= time < end``: the first `limit` of them, or the last from the newest on."""
        first = max(bisect_left(self._times, start), len(self._times) - len(self))
        last = len(self._times) if end is None else bisect_left(self._times, end)
        if descending:
            places = range(last - 1, max(first, last - limit) - 1, -1)
        else:
            places = range(first, min(last, first + limit))
        return ((self._times[place], self._entries[place]) for place in places)
