"""A town whose director watches over its VMs: time passes in looks of the health monitor."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from director.adapters.task_log import StoreTaskLog
from director.engine.tasks import Runner
from director.model.rows import EventRow, InstanceRow, Task, VmRow
from director.observe.settings import HealthSettings
from director.service.handlers import handlers
from director.service.monitor import Monitor
from tests.scenario.town import Town


@dataclass
class Watched:
    """`pass_time` looks every ten seconds and lets the tasks that come of it end."""

    town: Town
    runner: Runner
    monitor: Monitor
    tasks: list[Task] = field(default_factory=list[Task])

    async def pass_time(self, seconds: float) -> list[Task]:
        """The tasks that the monitor started meanwhile, ended."""
        before = len(self.tasks)
        end = self.town.clock.now() + seconds
        while self.town.clock.now() < end:
            await self.town.clock.sleep(10)
            await self.monitor.look()
            for row in await self.town.store.find(Task, state=["queued", "processing"]):
                self.tasks.append(await self.runner.wait(row.id))
        return self.tasks[before:]

    async def alerts(self) -> list[str]:
        rows = await self.town.store.find(EventRow, object_type="alert")
        return [str(row.context["message"]) for row in rows]

    async def vm(self, group: str, index: int = 0) -> tuple[InstanceRow, VmRow]:
        row = next(one for one in await self.town.rows(group) if one.index == index)
        vm = await self.town.store.get(VmRow, row.agent_id)
        assert vm is not None
        return row, vm

    async def lose(self, group: str, index: int = 0) -> VmRow:
        """The cloud loses the VM; its disks stay."""
        _, vm = await self.vm(group, index)
        del self.town.cloud.inventory.vms[vm.cid]
        return vm


@asynccontextmanager
async def watched(town: Town, **settings: Any) -> AsyncGenerator[Watched]:
    runner = Runner(
        town.ports,
        handlers(town.house),
        lambda number: StoreTaskLog(town.store, number, town.clock, delay=0),
        owner="town#2",
    )
    await runner.start()
    yield Watched(town, runner, Monitor(town.house, runner, HealthSettings(**settings), owner="town#2"))
    await runner.stop()
