"""Leases: one holder at a time, a fence that grows with each, and commits that refuse a lost one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from director.model.errors import LeaseLost
from director.model.rows import SettingRow
from director.ports.store import Changes, Lease, Store

if TYPE_CHECKING:
    from conftest import Hands


def mark(value: str) -> Changes:
    return Changes(put=[SettingRow(name="mark", value=value)])


async def held(store: Store, owner: str = "one", seconds: float = 30) -> Lease:
    lease = await store.acquire("task/7", owner, seconds)
    assert lease is not None
    return lease


async def test_one_holder_and_its_term(store: Store, hands: Hands) -> None:
    lease = await held(store)
    assert (lease.name, lease.owner, lease.fence) == ("task/7", "one", 1)
    assert lease.expires_at == pytest.approx(hands.now() + 30, abs=15)
    assert await store.acquire("task/7", "two", 30) is None
    hands.ahead += 31
    taken = await store.acquire("task/7", "two", 30)
    assert taken is not None
    assert taken.fence == 2
    with pytest.raises(LeaseLost, match="two holds it under fence 2"):
        await store.renew(lease, 30)


async def test_taking_ones_own_again_renews_it(store: Store, hands: Hands) -> None:
    first = await held(store)
    hands.ahead += 10
    again = await held(store)
    assert again.fence == first.fence
    assert again.expires_at == pytest.approx(first.expires_at + 10, abs=9)


async def test_an_expired_lease_nobody_took_can_be_renewed_but_not_written_under(store: Store, hands: Hands) -> None:
    lease = await held(store)
    hands.ahead += 31
    with pytest.raises(LeaseLost, match="its term ran out"):
        await store.commit(mark("late"), lease=lease)
    lease = await store.renew(lease, 30)
    await store.commit(mark("in time"), lease=lease)
    assert await store.get(SettingRow, "mark") == SettingRow(name="mark", value="in time")


async def test_a_commit_under_a_lost_lease_writes_nothing(store: Store, hands: Hands) -> None:
    old = await held(store)
    hands.ahead += 31
    new = await held(store, "two")
    with pytest.raises(LeaseLost):
        await store.commit(mark("old"), lease=old)
    assert await store.get(SettingRow, "mark") is None
    await store.commit(mark("new"), lease=new)
    assert await store.get(SettingRow, "mark") == SettingRow(name="mark", value="new")


async def test_release_frees_it_and_the_fence_still_grows(store: Store) -> None:
    lease = await held(store)
    await store.release(lease)
    with pytest.raises(LeaseLost, match="nobody holds it"):
        await store.commit(mark("x"), lease=lease)
    assert (await held(store, "one")).fence == 2
    await store.release(lease)  # a former one: does no harm
    assert await store.acquire("task/7", "two", 30) is None


async def test_those_in_force_are_listed_by_prefix(store: Store, hands: Hands) -> None:
    for name in ("lock/deployment/b", "lock/deployment/a", "task/1", "lock%"):
        assert await store.acquire(name, "me", 30)
    assert [one.name for one in await store.leases("lock/")] == ["lock/deployment/a", "lock/deployment/b"]
    assert len(await store.leases()) == 4
    hands.ahead += 31
    assert await store.leases() == []


async def test_of_many_takers_one_wins(store: Store) -> None:
    taken = await asyncio.gather(*(store.acquire("lock/x", f"o{n}", 30) for n in range(20)))
    assert sum(one is not None for one in taken) == 1
