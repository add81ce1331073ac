"""The task log: lines in order, soon, and not lost when the store fails for a while."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from director.adapters.memory.clock import VirtualClock
from director.adapters.task_log import StoreTaskLog
from director.model.errors import LeaseLost
from director.model.events import Progress
from director.ports.store import Lease

if TYPE_CHECKING:
    from conftest import Bench


async def test_lines_have_the_shape_of_the_event_log_and_come_in_order(bench: Bench) -> None:
    log = StoreTaskLog(bench.store, 1, VirtualClock(1_700_000_000.7))
    log.progress(Progress(1_700_000_000, "Updating instance", ("web",), 2, "web/0", 1, "started", 0))
    log.debug("first\n")
    log.warning("careful")
    log.warning("old", deprecation=True)
    log.cpi("call")
    log.failure(100, "no")
    log.result({"a": [1, None]})
    await log.flush()
    data, _ = await bench.store.read_output(1, "event")
    assert [msgspec.json.decode(line) for line in data.splitlines()] == [
        {"time": 1_700_000_000, "stage": "Updating instance", "tags": ["web"], "total": 2, "task": "web/0", "index": 1, "state": "started", "progress": 0},
        {"time": 1_700_000_000, "type": "warning", "message": "careful"},
        {"time": 1_700_000_000, "type": "deprecation", "message": "old"},
        {"time": 1_700_000_000, "error": {"code": 100, "message": "no"}},
    ]  # fmt: skip
    assert (await bench.store.read_output(1, "debug"))[0] == b"2023-11-14T22:13:20.700000Z first\n"
    assert (await bench.store.read_output(1, "cpi"))[0].endswith(b" call\n")
    assert (await bench.store.read_output(1, "result"))[0] == b'{"a":[1,null]}\n'


async def test_lines_come_without_a_flush_and_a_burst_in_few_writes(bench: Bench) -> None:
    log = StoreTaskLog(bench.store, 1, VirtualClock(), delay=0.02)
    before = bench.store.batches
    for number in range(200):
        log.debug(f"line {number}")
    async with asyncio.timeout(20):
        async for _ in bench.store.follow("task/1"):
            data, _ = await bench.store.read_output(1, "debug")
            if data:
                break
    assert [line.split(b" ", 1)[1] for line in data.splitlines()] == [b"line %d" % number for number in range(200)]
    assert bench.store.batches - before < 12


async def test_what_could_not_be_written_is_written_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    log = StoreTaskLog(bench.store, 1, VirtualClock(), delay=0.01)

    async def full(task_id: int, kind: str, text: str, *, lease: Lease | None = None) -> None:
        raise OSError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(bench.store, "append_output", full)
        log.debug("one")
        log.cpi("two")
        await asyncio.sleep(0.05)
        with pytest.raises(OSError, match="disk full"):
            await log.flush()
    await log.flush()
    assert (await bench.store.read_output(1, "debug"))[0].endswith(b" one\n")
    assert (await bench.store.read_output(1, "cpi"))[0].endswith(b" two\n")


async def test_who_lost_the_lease_tells_nothing_more(bench: Bench) -> None:
    log = StoreTaskLog(bench.store, 1, VirtualClock(), delay=0)
    lease = await bench.store.acquire("task/1", "one", 30)
    assert lease is not None
    log.bind(lambda: lease)
    log.debug("mine")
    await log.flush()
    await bench.store.release(lease)
    assert await bench.store.acquire("task/1", "two", 30)
    log.debug("late")
    with pytest.raises(LeaseLost, match="two holds it under fence 2"):
        await log.flush()
    await log.flush()  # the lines are dropped, not kept for a later try
    assert (await bench.store.read_output(1, "debug"))[0].endswith(b" mine\n")
