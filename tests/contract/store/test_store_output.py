"""Task output by byte ranges, and wake-ups for those who follow."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from director.model.errors import LeaseLost
from director.model.rows import JournalEntry, PlanRow, Task
from director.ports.store import Changes, Store

if TYPE_CHECKING:
    from conftest import Hands


async def test_output_is_read_by_byte_offsets_across_chunks(store: Store) -> None:
    whole = b""
    for number in range(50):
        line = f"Zeile {number} äöü€\n"
        whole += line.encode()
        await store.append_output(7, "event", line)
    await store.append_output(7, "debug", "other")
    await store.append_output(8, "event", "other")
    assert await store.read_output(7, "event") == (whole, len(whole))
    for offset, limit in ((0, 1), (5, 40), (17, None), (len(whole) - 1, 10), (33, 333)):
        end = None if limit is None else offset + limit
        assert await store.read_output(7, "event", offset, limit) == (whole[offset:end], len(whole))
    assert await store.read_output(7, "event", len(whole)) == (b"", len(whole))
    assert await store.read_output(7, "event", len(whole) + 9) == (b"", len(whole))
    assert await store.read_output(9, "event") == (b"", 0)


async def test_output_under_a_lease_ends_when_another_takes_it_not_when_it_runs_out(store: Store, hands: Hands) -> None:
    lease = await store.acquire("task/7", "one", 30)
    assert lease is not None
    await store.append_output(7, "event", "one\n", lease=lease)
    hands.ahead += 31
    await store.append_output(7, "event", "late, and nobody else is there\n", lease=lease)
    assert await store.now() == pytest.approx(hands.now(), abs=15)
    assert await store.acquire("task/7", "two", 30)
    with pytest.raises(LeaseLost, match="two holds it under fence 2"):
        await store.append_output(7, "event", "too late\n", lease=lease)
    assert await store.read_output(7, "event") == (b"one\nlate, and nobody else is there\n", 35)


async def wakes(store: Store, topic: str, seen: list[int]) -> None:
    async for _ in store.follow(topic):
        seen.append(len(seen))


async def settle(seen: list[int], count: int) -> bool:
    try:
        async with asyncio.timeout(30):
            while len(seen) < count:
                await asyncio.sleep(0.005)
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize("poll", [60.0])
async def test_followers_wake_at_once_and_after_each_touch(store: Store, poll: float) -> None:
    seen: dict[str, list[int]] = {topic: [] for topic in ("tasks", "task/7", "task/8", "leases")}
    followers = [asyncio.create_task(wakes(store, topic, numbers)) for topic, numbers in seen.items()]
    for numbers in seen.values():
        assert await settle(numbers, 1)
    await store.commit(Changes(put=[Task(id=7, type="t", description="d")]))
    assert await settle(seen["tasks"], 2)
    assert await settle(seen["task/7"], 2)
    await store.append_output(7, "event", "x\n")
    assert await settle(seen["task/7"], 3)
    lease = await store.acquire("lock/a", "me", 30)
    assert lease
    await store.release(lease)
    assert await settle(seen["leases"], 2)
    assert len(seen["task/8"]) == 1
    for follower in followers:
        follower.cancel()


async def test_a_missed_wake_is_made_good_by_the_slow_poll(store: Store) -> None:
    seen: list[int] = []
    follower = asyncio.create_task(wakes(store, "task/1", seen))
    async with asyncio.timeout(30):
        while len(seen) < 2:
            await asyncio.sleep(0.02)
    follower.cancel()


async def test_forgotten_tasks_leave_nothing_and_others_stay(store: Store) -> None:
    for number in (1, 2, 3):
        entry = JournalEntry(task_id=number, step_id="s1", attempt=1, state="done", kind="start")
        await store.commit(
            Changes(
                put=[
                    Task(id=number, type="deploy", description="", state="done"),
                    PlanRow(task_id=number, digest="d", text="{}"),
                    entry,
                    msgspec.structs.replace(entry, attempt=2),
                ]
            )
        )
        await store.append_output(number, "event", f"line of {number}\n")
        await store.append_output(number, "debug", f"detail of {number}\n")
    await store.forget_tasks([1, 3, 9])
    await store.forget_tasks([])
    assert [one.id for one in await store.find(Task)] == [2]
    assert [one.task_id for one in await store.find(PlanRow)] == [2]
    assert [(one.task_id, one.attempt) for one in await store.find(JournalEntry)] == [(2, 1), (2, 2)]
    for number, kept in ((1, b""), (2, b"line of 2\n"), (3, b"")):
        assert (await store.read_output(number, "event"))[0] == kept
    assert (await store.read_output(3, "debug"))[1] == 0
