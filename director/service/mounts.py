"""Ask agents in the middle of a change whether their disk is mounted: an interrupted task may have unmounted it and got no further."""

from __future__ import annotations

import asyncio
from collections.abc import Container

from director.model.errors import AgentError
from director.model.rows import DiskRow, VmRow
from director.plan.world import World
from director.ports.task_log import TaskLog
from director.service.house import House

PATIENCE = 45.0


async def unmounted(house: House, world: World, silent: Container[str], log: TaskLog | None = None) -> frozenset[str]:
    """Ids of dirty instances whose active disk is attached by the store's account but not mounted by the agent's. Who cannot tell counts."""
    asked: list[tuple[str, VmRow, DiskRow]] = []
    for row in world.instances:
        vm, disk = world.vm_of(row), world.disk_of(row.id)
        if row.dirty and not row.ignore and vm and vm.ready and disk and disk.active and disk.attached_to:
            asked.append((row.id, vm, disk))
    answers = await asyncio.gather(
        *(_mounted(house, vm, disk, log) if id not in silent else _unknown() for id, vm, disk in asked)
    )
    return frozenset(id for (id, _, _), mounted in zip(asked, answers, strict=True) if not mounted)


async def _mounted(house: House, vm: VmRow, disk: DiskRow, log: TaskLog | None) -> bool:
    try:
        present = await house.agents.run(vm.agent_id, "list_disk", timeout=PATIENCE, log=log.debug if log else None)
    except AgentError:
        return False
    return isinstance(present, list) and disk.cid in present


async def _unknown() -> bool:
    return False
