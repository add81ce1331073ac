"""Full collections wait until no task runs, but not for ever."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from director import garbage


@pytest.fixture
def collector() -> Iterator[list[int]]:
    """The generations collected, newest last; the collector is as it was afterwards."""
    before, seen = gc.get_threshold(), list[int]()

    def watch(phase: str, info: dict[str, int]) -> None:
        if phase == "start":
            seen.append(info["generation"])

    gc.callbacks.append(watch)
    yield seen
    gc.callbacks.remove(watch)
    gc.set_threshold(*before)
    gc.unfreeze()


async def test_a_full_collection_is_made_when_the_tasks_have_ended(collector: list[int]) -> None:
    garbage.defer()
    running = True
    work = asyncio.create_task(garbage.collect(lambda: running, pause=0.01, longest=60))
    await asyncio.sleep(0.05)
    made = collector.count(2)
    running = False
    async with asyncio.timeout(10):
        while collector.count(2) == made:
            await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert collector.count(2) == made + 1  # once, not again and again
    work.cancel()


async def test_a_director_that_is_always_busy_collects_at_last(collector: list[int]) -> None:
    garbage.defer()
    made = collector.count(2)
    work = asyncio.create_task(garbage.collect(lambda: True, pause=0.01, longest=0.05))
    async with asyncio.timeout(10):
        while collector.count(2) < made + 2:
            await asyncio.sleep(0.01)
    work.cancel()
