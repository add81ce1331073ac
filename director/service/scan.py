"""Cloud check, first half: ask agents and clouds whether what the store tells of is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct, convert

from director.engine.context import TaskContext
from director.engine.locks import locks
from director.model.deployment import Document
from director.model.errors import AgentError, BadRequest, CloudNotSupported
from director.model.rows import DiskRow, InstanceRow, VmRow
from director.ports.task_log import TaskLog
from director.service.house import House
from director.service.problems import MISSING_DISK, MISSING_VM, UNRESPONSIVE, Problem, kept
from director.service.stage import StageLog

AGENT_SECONDS = 10


class ScanRequest(Struct, frozen=True):
    """All instances and disks of a deployment."""

    deployment: str


async def run_scan(house: House, context: TaskContext) -> str | None:
    """Handler of ``cck_scan``: what was found before is forgotten, what is found now is kept."""
    name = convert(context.task.request, ScanRequest).deployment
    await lock_at_once(house, context, name)
    rows = await house.store.find(InstanceRow, deployment=name)
    problems = await scan_vms(house, context.log, rows)
    problems += await _scan_disks(house, context.log, rows)
    await context.commit(kept(name, problems))
    return "scan complete"


async def lock_at_once(house: House, context: TaskContext, deployment: str) -> None:
    """The deployment's lock, unless another task has it: what a scan sees during a deploy would be no problem but work under way."""
    for lock in await locks(house.store):
        if (lock.type, lock.resource) == ("deployment", (deployment,)) and lock.task_id != context.task.id:
            raise BadRequest(
                "Unable to get deployment lock, maybe a deployment is in progress. Try again later.",
                code=100,
                status=500,
                remedy=f"Task {lock.task_id} holds it.",
            )
    await context.lock(f"deployment/{deployment}")


def expects_vm(row: InstanceRow) -> bool:
    """Whether there should be a VM. An instance whose first update never finished is the next deploy's business."""
    return row.lifecycle == "service" and row.state != "detached" and row.applied is not None


async def scan_vms(house: House, log: TaskLog, rows: Sequence[InstanceRow]) -> list[Problem]:
    """Missing VMs and silent agents among these instances."""
    expected = [row for row in rows if expects_vm(row)]
    asked = [row for row in expected if not row.ignore]
    stage = StageLog(log, f"Scanning {len(expected)} VMs", 2)
    gate = asyncio.Semaphore(house.max_threads)

    async def one(row: InstanceRow) -> Problem | None:
        async with gate:
            return await _scan_vm(house, log, row)

    async with stage.task("Checking VM states"):
        found = [one for one in await asyncio.gather(*map(one, asked)) if one is not None]
    count = Counter(one.type for one in found)
    ignored = f", {len(expected) - len(asked)} ignored" if len(expected) > len(asked) else ""
    summary = (
        f"{len(asked) - len(found)} OK, {count[UNRESPONSIVE]} unresponsive, {count[MISSING_VM]} missing, 0 unbound"
    )
    async with stage.task(summary + ignored):
        return found


async def _scan_vm(house: House, log: TaskLog, row: InstanceRow) -> Problem | None:
    vm = await house.store.get(VmRow, row.agent_id) if row.agent_id else None
    if vm is not None and vm.cid:
        try:
            await house.agents.call(vm.agent_id, "get_state", timeout=AGENT_SECONDS, log=log.debug)
        except AgentError as error:
            log.debug(f"{row.name}: {error.message}")
            try:
                there = await (await house.clouds.get(vm.cpi)).has_vm(vm.cid, log=log.cpi)
            except CloudNotSupported:
                there = True
            if there:
                text = f"VM for '{row.name} ({row.index})' with cloud ID '{vm.cid}' is not responding."
                return await _problem(house, UNRESPONSIVE, row.id, row, text)
        else:
            return None
    with_cid = f" with cloud ID '{vm.cid}'" if vm is not None and vm.cid else ""
    return await _problem(house, MISSING_VM, row.id, row, f"VM for '{row.name} ({row.index})'{with_cid} missing.")


async def _scan_disks(house: House, log: TaskLog, rows: Sequence[InstanceRow]) -> list[Problem]:
    owners = {row.id: row for row in rows if not row.ignore}
    disks = [
        disk
        for row in owners.values()
        for disk in await house.store.find(DiskRow, instance_id=row.id)
        if disk.cid and disk.orphaned_at is None
    ]
    stage = StageLog(log, f"Scanning {len(disks)} persistent disks", 2)
    gate = asyncio.Semaphore(house.max_threads)

    async def one(disk: DiskRow) -> Problem | None:
        async with gate:
            try:
                if await (await house.clouds.get(disk.cpi)).has_disk(disk.cid, log=log.cpi):
                    return None
            except CloudNotSupported:
                return None
        owner = owners[disk.instance_id]
        text = f"Disk '{disk.cid}' ({owner.name}, {disk.size}M) is missing"
        return await _problem(house, MISSING_DISK, disk.object_key, owner, text)

    async with stage.task("Looking for missing disks"):
        found = [one for one in await asyncio.gather(*map(one, disks)) if one is not None]
    async with stage.task(f"{len(disks) - len(found)} OK, {len(found)} missing"):
        return found


async def _problem(house: House, type: str, resource: str, row: InstanceRow, text: str) -> Problem:
    data: Document = {}
    return Problem(await house.store.next_id("problems"), type, resource, row.group, row.id, text, data)
