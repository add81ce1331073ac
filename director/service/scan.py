"""Cloud check, first half: ask agents and clouds whether what the store tells of is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, convert

from director.engine.context import TaskContext
from director.engine.locks import locks
from director.model.briefs import InstanceBrief
from director.model.deployment import Document
from director.model.errors import AgentError, BadRequest, CloudNotSupported
from director.model.rows import DiskRow, InstanceRow, VmRow
from director.ports.task_log import TaskLog
from director.service.house import House
from director.service.problems import (
    INACTIVE_DISK,
    MISSING_DISK,
    MISSING_VM,
    MOUNT_MISMATCH,
    UNRESPONSIVE,
    Problem,
    kept,
)
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
    mounts: dict[str, list[str]] = {}
    problems = await scan_vms(house, context.log, rows, mounts)
    problems += await _scan_disks(house, context.log, rows, mounts)
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


def expects_vm(row: InstanceRow | InstanceBrief) -> bool:
    """Whether there should be a VM. An instance whose first update never finished is the next deploy's business."""
    return row.lifecycle == "service" and row.state != "detached" and row.applied is not None


async def scan_vms(
    house: House, log: TaskLog, rows: Sequence[InstanceRow], mounts: dict[str, list[str]] | None = None
) -> list[Problem]:
    """Missing VMs and silent agents among these instances. ``mounts`` is filled with the CIDs of the VMs that have each disk mounted; those
    whose agent is silent are taken at the store's word."""
    expected = [row for row in rows if expects_vm(row)]
    asked = [row for row in expected if not row.ignore]
    stage = StageLog(log, f"Scanning {len(expected)} VMs", 2)
    gate = asyncio.Semaphore(house.max_threads)

    async def one(row: InstanceRow) -> Problem | None:
        async with gate:
            return await _scan_vm(house, log, row, mounts)

    async with stage.task("Checking VM states"):
        found = [one for one in await asyncio.gather(*map(one, asked)) if one is not None]
    count = Counter(one.type for one in found)
    ignored = f", {len(expected) - len(asked)} ignored" if len(expected) > len(asked) else ""
    summary = (
        f"{len(asked) - len(found)} OK, {count[UNRESPONSIVE]} unresponsive, {count[MISSING_VM]} missing, 0 unbound"
    )
    async with stage.task(summary + ignored):
        return found


async def _scan_vm(house: House, log: TaskLog, row: InstanceRow, mounts: dict[str, list[str]] | None) -> Problem | None:
    vm = await house.store.get(VmRow, row.agent_id) if row.agent_id else None
    if vm is not None and vm.cid:
        try:
            await house.agents.call(vm.agent_id, "get_state", timeout=AGENT_SECONDS, log=log.debug)
        except AgentError as error:
            log.debug(f"{row.name}: {error.message}")
            await _note_mounts(house, log, row, vm, mounts, answers=False)
            try:
                there = await (await house.clouds.get(vm.cpi)).has_vm(vm.cid, log=log.cpi)
            except CloudNotSupported:
                there = True
            if there:
                text = f"VM for '{row.name} ({row.index})' with cloud ID '{vm.cid}' is not responding."
                return await _problem(house, UNRESPONSIVE, row.id, row, text)
        else:
            await _note_mounts(house, log, row, vm, mounts, answers=True)
            return None
    with_cid = f" with cloud ID '{vm.cid}'" if vm is not None and vm.cid else ""
    return await _problem(house, MISSING_VM, row.id, row, f"VM for '{row.name} ({row.index})'{with_cid} missing.")


async def _note_mounts(
    house: House, log: TaskLog, row: InstanceRow, vm: VmRow, mounts: dict[str, list[str]] | None, *, answers: bool
) -> None:
    if mounts is None:
        return
    found = [one.cid for one in await house.store.find(DiskRow, instance_id=row.id) if one.active]
    if answers:
        try:
            told = await house.agents.run(vm.agent_id, "list_disk", timeout=AGENT_SECONDS, log=log.debug)
            found = [str(one) for one in told] if isinstance(told, list) else []
        except AgentError as error:
            log.debug(f"{row.name}: {error.message}")
    for cid in found:
        mounts.setdefault(cid, []).append(vm.cid)


async def _scan_disks(
    house: House, log: TaskLog, rows: Sequence[InstanceRow], mounts: Mapping[str, list[str]]
) -> list[Problem]:
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
                there = await (await house.clouds.get(disk.cpi)).has_disk(disk.cid, log=log.cpi)
            except CloudNotSupported:
                there = True
        return await _disk_problem(house, disk, owners[disk.instance_id], mounts.get(disk.cid, []), there=there)

    async with stage.task("Looking for inactive disks"):
        found = [one for one in await asyncio.gather(*map(one, disks)) if one is not None]
    count = Counter(one.type for one in found)
    summary = (
        f"{len(disks) - len(found)} OK, {count[MISSING_DISK]} missing, {count[INACTIVE_DISK]} inactive, "
        f"{count[MOUNT_MISMATCH]} mount-info mismatch"
    )
    async with stage.task(summary):
        return found


async def _disk_problem(
    house: House, disk: DiskRow, owner: InstanceRow, holders: list[str], *, there: bool
) -> Problem | None:
    """The first that applies: missing, inactive, mounted elsewhere than its row says (a disk whose instance has no VM is none)."""
    if not there:
        text = f"Disk '{disk.cid}' ({owner.name}, {disk.size}M) is missing"
        return await _problem(house, MISSING_DISK, disk.object_key, owner, text)
    if not disk.active:
        text = f"Disk '{disk.cid}' ({disk.size}M) for instance '{owner.name} ({owner.index})' is inactive"
        return await _problem(house, INACTIVE_DISK, disk.object_key, owner, text)
    vm = await house.store.get(VmRow, owner.agent_id) if owner.agent_id else None
    if vm is None or not vm.cid or holders == [vm.cid]:
        return None
    where = f"\tMounted on: {', '.join(holders)}" if holders else "\tNot mounted in any VM"
    text = (
        f"Inconsistent mount information:\nRecord shows that disk '{disk.cid}' should be mounted on {vm.cid}.\n"
        f"However it is currently :\n{where}"
    )
    return await _problem(house, MOUNT_MISMATCH, disk.object_key, owner, text, {"owner_vms": holders})


async def _problem(
    house: House, type: str, resource: str, row: InstanceRow, text: str, data: Document | None = None
) -> Problem:
    return Problem(await house.store.next_id("problems"), type, resource, row.group, row.id, text, data or {})
