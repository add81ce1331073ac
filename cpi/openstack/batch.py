"""Threads that wait for objects of one kind ask for them together: one list instead of a request for each."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Document = dict[str, Any]
Fetch = Callable[[Iterable[str]], Mapping[str, Document]]
"""Documents by id; an id that is not among them does not exist."""
GATHER = 0.02
"""Seconds in which others may join a question."""
FIRST = 0.25
PACES = ((2.0, FIRST), (5.0, 0.5), (15.0, 1.0), (60.0, 2.0))
"""For waits younger than (s): seconds between questions. Older ones keep to the configured interval."""


class _Round:
    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.ended = threading.Event()
        self.found: Mapping[str, Document] = {}
        self.error: BaseException | None = None


class Batch:
    """The questions of one kind. The thread that opens a round asks for all that join it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: _Round | None = None

    def look(self, one: str, fetch: Fetch) -> Document | None:
        """The object as it is now, None if there is none."""
        with self._lock:
            mine, leads = self._open, False
            if mine is None:
                mine, leads = _Round(), True
                self._open = mine
            mine.ids.add(one)
        if leads:
            time.sleep(GATHER)
            with self._lock:
                self._open = None
            try:
                mine.found = fetch(mine.ids)
            except BaseException as error:
                mine.error = error
            finally:
                mine.ended.set()
        else:
            mine.ended.wait()
        if mine.error is not None:
            if leads:
                raise mine.error
            return fetch([one]).get(one)  # another's deadline or fault is not this call's
        return mine.found.get(one)


def pause(waited: float, interval: float) -> float:
    """Seconds until the next question of a wait that is so old, so that waits of one pace meet in one round."""
    step = min(next((every for young, every in PACES if waited < young), interval), interval)
    now = time.monotonic()
    return max(step - now % step, 0.01)
