"""The workers of this director's former life, which may still be ending the calls that they had begun when it died."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

from cpi import lock, warden
from director.model.errors import DirectorError
from director.ports.cloud import CpiLog

PATTERN = "cpi-*.lock"
LOOK = 0.02
SPARE = 5.0
"""Seconds beyond those that a warden leaves them; then they are killed, and have as long again to be gone."""


class FormerWorkers:
    """Those that held their locks when this was made."""

    def __init__(self, locks: Path, log: CpiLog) -> None:
        self._held = [path for path in sorted(locks.glob(PATTERN)) if not lock.is_free(path)]
        self._log = log
        self._waiting = asyncio.Lock()

    async def gone(self) -> None:
        """Returns when each of them is dead: what they did is done, and the cloud can be asked for it. Raises when one cannot be ended."""
        async with self._waiting:
            if not self._held:
                return
            self._log(f"waiting for the calls that the director's former life left under way: {self._names()}")
            if not await self._free_within(warden.FINISH + SPARE):
                for path in self._held:
                    with contextlib.suppress(ValueError, OSError):
                        os.kill(int(path.read_text()), signal.SIGKILL)
                if not await self._free_within(SPARE):
                    raise DirectorError(
                        f"CPI workers of the director's former life do not end: {self._names()}",
                        remedy="End the processes whose ids are in these files; until then nobody can tell what their calls come to.",
                    )

    def _names(self) -> str:
        return ", ".join(map(str, self._held))

    async def _free_within(self, seconds: float) -> bool:
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while True:
            self._held = [path for path in self._held if not lock.is_free(path)]
            if not self._held or loop.time() >= end:
                return not self._held
            await asyncio.sleep(LOOK)
