"""An engine on the memory twin of the store, with steps that write down what they did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, cast

import msgspec
import pytest

from director.adapters.clock import SystemClock
from director.adapters.store.sql import SqlStore, open_store
from director.adapters.task_log import StoreTaskLog
from director.engine.cancel import Cancel
from director.engine.journal import save_plan, stored_plan
from director.engine.lease import Hold
from director.engine.ports import Ports
from director.engine.probe import Probe, quiet
from director.engine.run import run_plan
from director.model.plan import Plan, Step
from director.model.rows import JournalEntry, SettingRow, Task
from director.ports.store import Changes
from director.steps.step import Adopt, Intent, Io, Outcome, Recovery, Repeat, Site, StepRun

Act = Callable[[Io], Awaitable[Any]]


@dataclass
class Bench:
    """What the steps of a test did, in order, and what some of them are made to do."""

    store: SqlStore
    did: list[str] = field(default_factory=list)
    acts: dict[str, Act] = field(default_factory=dict)
    running: int = 0
    widest: int = 0
    term: float = 30.0

    def ports(self) -> Ports:
        nothing = cast("Any", None)
        return Ports(self.store, nothing, nothing, nothing, nothing, SystemClock(), Site(name="d", uuid="u", mbus=""))

    def load(self, step: Step) -> StepRun[Any]:
        return Noted(self, step)

    async def run(self, plan: Plan, task_id: int = 1, *, probe: Probe = quiet, cancel: Cancel | None = None) -> None:
        lease = await self.store.acquire(f"task/{task_id}", "bench", self.term)
        assert lease
        hold = Hold(self.store, lease, term=self.term)
        log = StoreTaskLog(self.store, task_id, SystemClock(), delay=0)
        async with hold:
            if await stored_plan(self.store, task_id) is None:
                await save_plan(self.store, task_id, plan, hold)
            await run_plan(
                plan,
                task_id=task_id,
                ports=self.ports(),
                log=log,
                hold=hold,
                cancel=cancel or Cancel(self.store, task_id),
                probe=probe,
                load=self.load,
            )
        await hold.release()

    async def events(self, task_id: int = 1) -> list[dict[str, Any]]:
        data, _ = await self.store.read_output(task_id, "event")
        return [msgspec.json.decode(line) for line in data.splitlines()]

    async def states(self, task_id: int = 1) -> dict[str, str]:
        entries = await self.store.find(JournalEntry, task_id=task_id)
        return {entry.key.partition("/")[2]: entry.state for entry in entries}

    async def put_task(self, task_id: int = 1, state: str = "processing") -> None:
        await self.store.commit(Changes(put=[Task(id=task_id, type="t", description="d", state=state)]))


class Noted(StepRun[Any]):
    """Writes a row with its id before and after; its effect is an entry in ``did``."""

    kind = "noted"

    def __init__(self, bench: Bench, step: Step) -> None:
        super().__init__(step.args)
        self.bench = bench
        self.id = step.id
        self.status = step.args.get("status", "")

    async def intend(self, io: Io) -> Intent:
        row = SettingRow(name=f"intent {self.id}", value=io.call_key)
        return Intent(object_key=f"key {self.id}", changes=Changes(put=[row]), data={"seen": len(self.bench.did)})

    async def run(self, io: Io, intent: Intent) -> Outcome:
        bench = self.bench
        assert await bench.store.get(SettingRow, f"intent {self.id}"), "the intent is committed before the effect"
        bench.running += 1
        bench.widest = max(bench.widest, bench.running)
        try:
            await asyncio.sleep(0)
            act = bench.acts.get(self.id)
            result = await act(io) if act else None
            bench.did.append(self.id)
        finally:
            bench.running -= 1
        return Outcome(Changes(put=[SettingRow(name=f"result {self.id}", value="x")]), result)

    async def recover(self, io: Io, entry: JournalEntry) -> Recovery:
        if self.id in self.bench.did:
            return Adopt(Outcome(Changes(put=[SettingRow(name=f"result {self.id}", value="x")])))
        return Repeat()


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    store = await open_store(":memory:", poll=0.2)
    yield Bench(store)
    await store.close()
