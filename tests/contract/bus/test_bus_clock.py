"""The time that counts for agents stands still while the bus is away and for a moment after."""

from __future__ import annotations

import asyncio

import pytest

from director.adapters.bus.clock import BusClock


async def test_a_limit_does_not_run_while_the_bus_is_away() -> None:
    clock = BusClock(settle=0.6)
    before, began = clock.now(), asyncio.get_running_loop().time()

    async def outage() -> None:
        await asyncio.sleep(0.05)
        clock.lost()
        await asyncio.sleep(0.5)
        clock.back()

    async with asyncio.TaskGroup() as group:
        group.create_task(outage())
        async with clock.limit(0.6):
            await asyncio.sleep(0.7)
            assert not clock.runs, "agents are given time to find back"
    await asyncio.sleep(0.7)
    assert clock.runs
    assert clock.now() - before < asyncio.get_running_loop().time() - began - 1
    with pytest.raises(TimeoutError):
        async with clock.limit(0.01):
            await asyncio.sleep(5)


async def test_a_limit_that_begins_in_an_outage_runs_from_its_end_and_a_second_loss_stops_it_again() -> None:
    clock = BusClock(settle=0.05)
    clock.lost()
    clock.back()
    clock.lost()
    with pytest.raises(TimeoutError):
        async with clock.limit(0.05):
            await asyncio.sleep(0.3)
            assert not clock.runs
            clock.back()
            await asyncio.sleep(5)
