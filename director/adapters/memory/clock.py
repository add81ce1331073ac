"""Time that passes only when somebody waits for it."""

from __future__ import annotations

import asyncio


class VirtualClock:
    """`Clock` without waiting: a sleep moves the hands to its end."""

    def __init__(self, start: float = 1_700_000_000) -> None:
        self._now = float(start)

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        end = self._now + seconds
        await asyncio.sleep(0)
        self._now = max(self._now, end)
