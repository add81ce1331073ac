"""Holding leases: renewed in the background, silent in good time."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.clock import VirtualClock
from director.adapters.memory.cloud import MemoryClouds
from director.engine.guard import guarded
from director.engine.lease import Hold, Horizon
from director.model.errors import LeaseLost
from director.ports.store import Lease, Store

if TYPE_CHECKING:
    from conftest import Bench


class Watch:
    """A monotonic clock moved by hand."""

    def __init__(self) -> None:
        self.time = 100.0

    def __call__(self) -> float:
        return self.time


async def take(store: Store, name: str = "task/1", owner: str = "me", seconds: float = 30) -> Lease:
    lease = await store.acquire(name, owner, seconds)
    assert lease
    return lease


async def test_it_is_renewed_while_held_and_given_back_with_its_locks(bench: Bench) -> None:
    first = await take(bench.store, seconds=6)
    async with Hold(bench.store, first, term=6) as hold:
        hold.add(await take(bench.store, "lock/deployment/web", seconds=6))
        async with asyncio.timeout(30):
            while min(one.expires_at for one in await bench.store.leases()) < first.expires_at + 1:
                await asyncio.sleep(0.05)
        await hold.check()
        assert [one.name for one in await bench.store.leases()] == ["lock/deployment/web", "task/1"]
        assert hold.lease.fence == first.fence
        await hold.release()
    assert await bench.store.leases() == []


async def test_unrenewed_for_two_thirds_it_is_proven_again_before_acting(bench: Bench) -> None:
    watch = Watch()
    hold = Hold(bench.store, await take(bench.store), monotonic=watch)
    watch.time += 19
    before = (await bench.store.leases())[0].expires_at
    await hold.check()
    assert (await bench.store.leases())[0].expires_at == before
    watch.time += 2
    await hold.check()
    assert (await bench.store.leases())[0].expires_at > before


async def test_taken_over_it_must_not_act(bench: Bench) -> None:
    watch = Watch()
    lease = await take(bench.store, seconds=0.01)
    hold = Hold(bench.store, lease, monotonic=watch)
    await asyncio.sleep(0.05)
    await take(bench.store, owner="other")
    watch.time += 21
    for _ in range(2):
        with pytest.raises(LeaseLost, match="other holds it"):
            await hold.check()


async def test_a_database_that_does_not_answer_silences_its_holder(bench: Bench) -> None:
    watch = Watch()
    hold = Hold(bench.store, await take(bench.store, seconds=0.3), term=0.3, monotonic=watch)
    watch.time += 0.25
    stuck = asyncio.Event()

    async def renew(lease: Lease, seconds: float) -> Lease:
        await stuck.wait()
        return lease

    bench.store.renew = renew  # the database hangs
    with pytest.raises(LeaseLost, match="was not renewed for"):
        await hold.check()


async def test_each_single_call_is_guarded(bench: Bench) -> None:
    """A director may stand still between two calls of one step."""
    watch = Watch()
    lease = await take(bench.store)
    hold = Hold(bench.store, lease, monotonic=watch)
    clouds = MemoryClouds()
    agents = MemoryAgents(clouds, VirtualClock())
    ports = guarded(replace(bench.ports(), clouds=clouds, agents=agents), hold)
    cloud = await ports.clouds.get("")
    assert cloud.name == ""
    disk = await cloud.create_disk(64, {}, "", key="one")
    await bench.store.release(lease)
    await take(bench.store, owner="another")
    watch.time += 25
    for call in (cloud.delete_disk(disk), ports.agents.call("a", "stop")):
        with pytest.raises(LeaseLost, match="another holds it"):
            await call
    assert list(clouds.default.inventory.disks) == [disk]
    assert not agents.script.calls


async def test_what_a_director_abandons_at_its_end_must_end_with_the_lease(bench: Bench) -> None:
    told: list[float | None] = []
    horizon = Horizon(told.append, lambda: 100.0)
    async with Hold(bench.store, await take(bench.store), term=30, horizon=horizon):
        pass
    assert told == [127.0, None], "given back in order: nothing of it is under way"

    async def works(lease: Lease) -> None:
        async with Hold(bench.store, lease, term=30, horizon=horizon):
            await asyncio.sleep(60)

    task = asyncio.create_task(works(await take(bench.store, "task/2")))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == [127.0, None, 127.0]
