"""Which instances should have a VM: read again only when rows have moved, as thousands of them are looked at every few seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from director.engine.locks import locks
from director.engine.wake import wakes
from director.model.briefs import DeploymentBrief, InstanceBrief, VmBrief
from director.model.rows import Task
from director.observe.health import Member
from director.ports.store import Store
from director.service.scan import expects_vm

# types of tasks under whose hands agents fall silent
AT_WORK = frozenset(
    {
        "update_deployment",
        "delete_deployment",
        "cck_apply",
        "cck_scan_and_fix",
        "delete_vm",
        "run_errand",
        "attach_disk",
    }
)
OPEN = ["queued", "processing", "cancelling"]


async def busy(store: Store) -> set[str]:
    """Deployments that a task holds, or is about to."""
    held = {lock.resource[0] for lock in await locks(store) if lock.type == "deployment"}
    rows = await store.find(Task, state=OPEN)
    return held | {row.deployment for row in rows if row.deployment and row.type in AT_WORK}


class Census:
    """Members by deployment, and the agent ids that are anybody's."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._known: dict[str, list[Member]] = {}
        self._stale: set[str] = set()
        self._moved = True
        self._follower: asyncio.Task[None] | None = None
        self.agents: set[str] = set()

    def follow(self) -> None:
        """Notice from now on when rows move; without it they are read at each look."""
        self._follower = asyncio.create_task(self._follow(), name="census")

    async def close(self) -> None:
        if self._follower is not None:
            self._follower.cancel()
            await asyncio.gather(self._follower, return_exceptions=True)

    async def members(self, locked: Collection[str]) -> list[Member]:
        """Of all deployments; those that are ``locked`` as they were before."""
        if self._moved:
            self._moved = self._follower is None
            vms = await self._store.find(VmBrief)
            self.agents = {vm.agent_id for vm in vms}
            names = [row.name for row in await self._store.find(DeploymentBrief)]
            self._known = {name: self._known.get(name, []) for name in names}
            self._stale = set(names)
            made = {vm.agent_id: vm for vm in vms if vm.cid}
            for name in sorted(self._stale - set(locked)):
                await self._read(name, made)
        elif self._stale - set(locked):
            made = {vm.agent_id: vm for vm in await self._store.find(VmBrief) if vm.cid}
            for name in sorted(self._stale - set(locked)):
                await self._read(name, made)
        return [one for members in self._known.values() for one in members]

    async def _read(self, name: str, vms: dict[str, VmBrief]) -> None:
        self._stale.discard(name)
        members: list[Member] = []
        for row in await self._store.find(InstanceBrief, deployment=name):
            if expects_vm(row) and not row.ignore:
                vm = vms.get(row.agent_id)
                agent, since = (vm.agent_id, vm.created_at or 0) if vm is not None else ("", 0)
                members.append(Member(name, row.group, row.id, row.index, agent, since))
        self._known[name] = members
        await asyncio.sleep(0)

    async def _follow(self) -> None:
        async for _ in wakes(self._store, "instances", "vms"):
            self._moved = True
