"""Waiting for any of several topics of the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

from director.ports.store import Store

EXPIRED = 0.02
"""Seconds after the end of a lease at which it is surely over by the store's clock."""


class Alarm:
    """Something to look again for at a time that is known beforehand, such as the end of a lease."""

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._handle: asyncio.TimerHandle | None = None

    def set(self, seconds: float) -> None:
        """Ring once, this long from now; an earlier setting is forgotten."""
        self.clear()
        self._handle = asyncio.get_running_loop().call_later(seconds, self._ring)

    def clear(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


async def wakes(store: Store, *topics: str, event: asyncio.Event | None = None) -> AsyncGenerator[None]:
    """Yields at once, whenever one of the topics moved and when ``event`` is set; close it when done (`contextlib.aclosing`)."""
    event = event or asyncio.Event()

    async def listen(topic: str) -> None:
        async for _ in store.follow(topic):
            event.set()

    listeners = [asyncio.create_task(listen(topic)) for topic in topics]
    try:
        while True:
            await event.wait()
            event.clear()
            yield None
    finally:
        for listener in listeners:
            listener.cancel()
        await asyncio.gather(*listeners, return_exceptions=True)
