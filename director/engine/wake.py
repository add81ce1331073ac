"""Waiting for any of several topics of the store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from director.ports.store import Store


async def wakes(store: Store, *topics: str) -> AsyncGenerator[None]:
    """Yields at once and whenever one of the topics moved; close it when done (`contextlib.aclosing`)."""
    event = asyncio.Event()

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
