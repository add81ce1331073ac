"""Python's garbage collector, kept off the hot path: a full collection looks at every object and stops everything meanwhile, 0.3 s while a plan
of 2,000 instances is held. It runs when no task does."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import time
from collections.abc import Callable

YOUNG, MIDDLE, NEVER = 10_000, 3, 1_000_000
"""Objects since the last look at the young ones, looks of that kind before one at all that came since; the latter stop the loop for about 5 ms."""
PAUSE = 10.0
LONGEST = 900.0
"""Seconds after which a collection is made although tasks run."""


def defer() -> None:
    """From now on only young objects are looked at; those that are there already, never again. Call it once the director has started."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)


async def collect(busy: Callable[[], bool], *, pause: float = PAUSE, longest: float = LONGEST) -> None:
    """Until cancelled: a full collection after tasks have run, and memory given back to the system."""
    due, last = False, time.monotonic()
    while True:
        await asyncio.sleep(pause)
        working = busy()
        due = due or working
        if due and (not working or time.monotonic() - last >= longest):
            gc.collect()
            trim()
            due, last = working, time.monotonic()


def trim() -> None:
    """Give free memory back to the system, where the C library can (glibc)."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
