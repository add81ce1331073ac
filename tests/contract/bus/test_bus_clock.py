"""The time that counts for agents stands still while the bus is away and for a moment after."""

from __future__ import annotations

import asyncio

import pytest

from director.adapters.bus.clock import BusClock
from tests.recovery.virtual import run


def test_a_limit_does_not_run_while_the_bus_is_away() -> None:
    async def story() -> None:
        clock = BusClock(settle=15)
        before = clock.now()

        async def outage() -> None:
            await asyncio.sleep(1)
            clock.lost()
            await asyncio.sleep(10)
            clock.back()

        async with asyncio.TaskGroup() as group:
            group.create_task(outage())
            async with clock.limit(2):
                await asyncio.sleep(25)
                assert not clock.runs, "agents are given time to find back"
        await asyncio.sleep(2)
        assert clock.runs
        assert clock.now() - before == pytest.approx(2)  # of 27
        with pytest.raises(TimeoutError):
            async with clock.limit(1):
                await asyncio.sleep(1.1)

    run(story())


def test_a_limit_that_begins_in_an_outage_runs_from_its_end_and_a_second_loss_stops_it_again() -> None:
    async def story() -> None:
        clock = BusClock(settle=1)
        clock.lost()
        clock.back()
        clock.lost()
        before = clock.now()
        with pytest.raises(TimeoutError):
            async with clock.limit(1):
                await asyncio.sleep(30)
                assert not clock.runs
                clock.back()
                await asyncio.sleep(30)
        assert clock.now() - before == pytest.approx(1)
        assert asyncio.get_running_loop().time() == pytest.approx(30 + 1 + 1)

    run(story())
