"""Which stager an app is staged by."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

from paas.messages.staging import StagerAdvertisement

SAMPLE = 5


@dataclass
class _Stager:
    said: StagerAdvertisement
    at: float
    memory: int


class StagerPool:
    """The last advertisement of each stager, less what was given to it since."""

    def __init__(self, expiry: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._expiry = expiry
        self._clock = clock
        self._stagers: dict[str, _Stager] = {}
        self._heard = asyncio.Event()

    def hear(self, said: StagerAdvertisement) -> None:
        """Take note of an advertisement."""
        self._stagers[said.id] = _Stager(said, self._clock(), said.available_memory)
        self._heard.set()

    def forget(self, stager: str) -> None:
        """Nobody answers to its name."""
        self._stagers.pop(stager, None)

    def alive(self, stager: str) -> bool:
        """Whether it was heard of lately."""
        self._prune()
        return stager in self._stagers

    def choose(self, stack: str, memory: int, without: set[str] | None = None) -> str | None:
        """One of the five with the most memory that have enough of it; None where there is none."""
        self._prune()
        fit = [
            one
            for id, one in self._stagers.items()
            if stack in one.said.stacks and one.memory >= memory and id not in (without or set())
        ]
        if not fit:
            return None
        chosen = random.choice(sorted(fit, key=lambda one: -one.memory)[:SAMPLE])  # noqa: S311
        chosen.memory -= memory
        return chosen.said.id

    def lacks(self, stack: str, memory: int) -> str:
        """Why none fits, for the user."""
        self._prune()
        if not self._stagers:
            return "no stager is known"
        if not any(stack in one.said.stacks for one in self._stagers.values()):
            return f"no stager has the stack {stack}"
        return f"no stager has {memory} MB of memory left"

    async def heard(self, seconds: float) -> None:
        """Until the next advertisement, at most so long."""
        self._heard.clear()
        try:
            async with asyncio.timeout(seconds):
                await self._heard.wait()
        except TimeoutError:
            return

    def _prune(self) -> None:
        oldest = self._clock() - self._expiry
        self._stagers = {id: one for id, one in self._stagers.items() if one.at >= oldest}
