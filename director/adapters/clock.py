"""The host's time."""

from __future__ import annotations

import asyncio
import time


class SystemClock:
    """`Clock` as it is."""

    def now(self) -> float:
        return time.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
