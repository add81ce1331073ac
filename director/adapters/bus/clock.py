"""The time that counts for agents: it stands still while the bus is away, and for a moment after, in which agents find back to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

SETTLE = 15.0
"""Seconds: agents try again after pauses of up to ten, and a little more for the spread."""


class BusClock:
    """Told by the connection when it is lost and when it is back."""

    def __init__(self, settle: float = SETTLE) -> None:
        self._settle = settle
        self._stood = 0.0
        self._stopped_at: float | None = None
        self._resume: asyncio.TimerHandle | None = None
        self._limits: dict[asyncio.Timeout, float | None] = {}

    @property
    def runs(self) -> bool:
        """False while nobody can be blamed for silence."""
        return self._stopped_at is None

    def now(self) -> float:
        """Seconds in which the bus was there."""
        time = asyncio.get_running_loop().time() if self._stopped_at is None else self._stopped_at
        return time - self._stood

    @asynccontextmanager
    async def limit(self, seconds: float | None) -> AsyncGenerator[None]:
        """As `asyncio.timeout`, by this clock."""
        async with asyncio.timeout(seconds) as limit:
            self._limits[limit] = None
            if not self.runs:
                self._hold(limit)
            try:
                yield
            finally:
                del self._limits[limit]

    def lost(self) -> None:
        if self._resume is not None:
            self._resume.cancel()
            self._resume = None
        if self._stopped_at is None:
            self._stopped_at = asyncio.get_running_loop().time()
            for limit in self._limits:
                self._hold(limit)

    def back(self) -> None:
        if self._stopped_at is not None and self._resume is None:
            self._resume = asyncio.get_running_loop().call_later(self._settle, self._go_on)

    def _hold(self, limit: asyncio.Timeout) -> None:
        end = limit.when()
        if end is not None and not limit.expired():
            self._limits[limit] = max(0.0, end - asyncio.get_running_loop().time())
            limit.reschedule(None)

    def _go_on(self) -> None:
        assert self._stopped_at is not None
        time = asyncio.get_running_loop().time()
        self._stood += time - self._stopped_at
        self._stopped_at = self._resume = None
        for limit, left in self._limits.items():
            if left is not None:
                self._limits[limit] = None
                limit.reschedule(time + left)
