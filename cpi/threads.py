"""Threads for blocking SDK calls, and the clock that watches their deadlines."""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections import deque
from collections.abc import Callable

Job = Callable[[], None]


class Threads:
    """At most `width` jobs at a time. A job given up by `abandon` no longer counts: another thread takes its place."""

    def __init__(self, width: int) -> None:
        self._allowed = width
        self._started = 0
        self._idle = 0
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._open = True

    def submit(self, job: Job) -> None:
        """Run the job on the next free thread."""
        with self._changed:
            self._jobs.append(job)
            if self._idle < len(self._jobs) and self._started < self._allowed:
                self._start()
            self._changed.notify()

    def abandon(self) -> None:
        """One running job is given up: its thread leaves when it returns, and may never return."""
        with self._changed:
            self._allowed += 1
            if self._jobs:
                self._start()

    def returned(self) -> None:
        """A job given up has returned after all: the place given for it is taken back."""
        with self._changed:
            self._allowed -= 1

    def _start(self) -> None:
        self._started += 1
        threading.Thread(target=self._work, name=f"cpi-{self._started}", daemon=True).start()

    def _work(self) -> None:
        while True:
            with self._changed:
                if self._started > self._allowed:
                    self._started -= 1
                    return
                self._idle += 1
                while not self._jobs:
                    self._changed.wait()
                self._idle -= 1
                job = self._jobs.popleft()
            job()


class Deadlines:
    """Calls back when a time is reached; one thread for all."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Job]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        threading.Thread(target=self._watch, name="cpi-deadlines", daemon=True).start()

    def at(self, when: float, job: Job) -> None:
        """Run the job, which must be short, at time.monotonic() `when`."""
        with self._changed:
            heapq.heappush(self._heap, (when, next(self._order), job))
            if self._heap[0][0] == when:
                self._changed.notify()

    def _watch(self) -> None:
        while True:
            with self._changed:
                while not self._heap:
                    self._changed.wait()
                wait = self._heap[0][0] - time.monotonic()
                if wait > 0:
                    self._changed.wait(wait)
                    continue
                _, _, job = heapq.heappop(self._heap)
            job()
