"""What must hold after every task that has ended well, however often its directors died; and the end state as one comparable text."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

import msgspec

from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.inventory import Inventory
from director.model.row import Row
from director.model.rows import (
    ROWS,
    AddressRow,
    DiskRow,
    DurationRow,
    EventRow,
    InstanceRow,
    JournalEntry,
    PlanRow,
    ReleaseRow,
    StemcellRow,
    Task,
    VmRow,
)
from director.ports.store import Store

_TIMES = {"created_at", "attached_at", "orphaned_at", "intended_at", "ended_at"}
UPLOADED = (ReleaseRow, StemcellRow)
TOLD = (Task, PlanRow, JournalEntry, DurationRow)


async def wrongs(store: Store, inventory: Inventory, agents: MemoryAgents, *, since: int = 0) -> list[str]:
    """Everything that is not as it must be; journals of tasks before ``since`` are passed over (they were looked at before)."""
    found: list[str] = []

    def expect(holds: bool, text: str) -> None:
        if not holds:
            found.append(text)

    twice = {key: count for key, count in inventory.made.items() if count > 1}
    expect(not twice, f"made twice: {twice}")
    vms, disks = await store.find(VmRow), await store.find(DiskRow)
    rows, held = await store.find(InstanceRow), await store.find(AddressRow)
    # nobody asks after an orphaned VM until it is cleaned up, so it may have vanished
    known = [row for row in vms if row.orphaned_at is None or row.cid in inventory.vms]
    told = {row.cid: row.object_key for row in known}
    real = {cid: vm.key for cid, vm in inventory.vms.items()}
    expect(told == real and len(told) == len(known), f"VMs by rows {told}, in the cloud {real}")
    told = {row.cid: row.object_key for row in disks}
    real = {cid: disk.key for cid, disk in inventory.disks.items()}
    expect(told == real and len(told) == len(disks), f"disks by rows {told}, in the cloud {real}")
    told = {row.cid: row.attached_to for row in disks if row.attached_to}
    real = {cid: vm.cid for vm in inventory.vms.values() for cid in vm.disks}
    expect(told == real, f"attached by rows {told}, in the cloud {real}")
    owners = {row.address: row.owner for row in held}
    used = [(str(net["ip"]), row.instance_id or row.agent_id) for row in vms for net in row.networks.values()]
    expect(len(dict(used)) == len(used), f"an address is used twice: {used}")
    expect(set(used) <= set(owners.items()), f"addresses used {used}, held {owners}")
    idle = set(owners.values()) - {row.id for row in rows} - {row.agent_id for row in vms}
    expect(not idle, f"addresses held by nobody: {idle}")
    orphans = sum(row.orphaned_at is not None for row in vms)
    expect(len(owners) <= len(rows) + orphans, f"more addresses are held than instances are there: {owners}")
    for row in rows:
        expect(not row.dirty and not row.midstate, f"{row.name} is still in the middle of a change: {row.midstate}")
        found += _instance(row, vms, disks, agents)
    lost = {row.agent_id for row in vms if row.orphaned_at is None} - {row.agent_id for row in rows}
    expect(not lost, f"VMs of no instance: {lost}")
    entries = [one for one in await store.find(JournalEntry) if one.task_id >= since]
    done = [(one.task_id, one.step_id) for one in entries if one.state == "done"]
    expect(len(done) == len(set(done)), "a finished step was repeated")
    open_ = [one.step_id for one in entries if one.state == "intent"]
    expect(not open_, f"intents that were never settled: {open_}")
    leases = await store.leases()
    expect(not leases, f"leases that were not given back: {leases}")
    return found


def _instance(row: InstanceRow, vms: list[VmRow], disks: list[DiskRow], agents: MemoryAgents) -> list[str]:
    """Its agent has what its row tells."""
    if row.applied is None:
        return [f"{row.name} was never applied"]
    mine = next((vm for vm in vms if vm.agent_id == row.agent_id), None) if row.agent_id else None
    if mine is None:
        return [] if row.applied.state == "detached" else [f"{row.name} has no VM"]
    guest = agents.guest(row.agent_id)
    if guest is None:
        return [f"{row.name}: no VM runs under its agent id"]
    found: list[str] = []
    wanted = "running" if row.state == "started" else "stopped"
    never = wanted == "stopped" and not any(one.startswith("start") for one in guest.did)
    if guest.job_state != wanted and not never:
        found.append(f"{row.name} is {guest.job_state}, not {wanted}")
    if wanted == "running" and guest.spec.get("configuration_hash") != row.applied.configuration_hash:
        found.append(f"{row.name} runs another configuration than its row tells")
    active = [disk.cid for disk in disks if disk.instance_id == row.id and disk.active]
    if len(active) != (row.applied.disk is not None) or guest.mounted != active:
        found.append(f"{row.name} has mounted {guest.mounted}; by rows {active}, wanted {row.applied.disk}")
    if active and next(disk.size for disk in disks if disk.cid == active[0]) != getattr(row.applied.disk, "size", 0):
        found.append(f"{row.name} has a disk of another size than its row tells")
    return found


async def picture(
    store: Store, inventory: Inventory, agents: MemoryAgents, *, without: tuple[type[Row], ...] = TOLD
) -> str:
    """The end state: rows, cloud and agents, with CIDs replaced by keys and without times."""
    names = {cid: f"<{one.key}>" for cid, one in (inventory.vms | inventory.disks).items()}  # type: ignore[operator]
    rows = {
        kind.TABLE: [msgspec.to_builtins(row) for row in await store.find(kind)] for kind in ROWS if kind not in without
    }
    guests: dict[str, Any] = {}
    for vm in inventory.vms.values():
        guest = agents.guest(vm.agent_id)
        assert guest is not None
        guests[vm.key] = [guest.spec, guest.job_state, guest.hints, guest.mounted, vm.disks, vm.metadata]
    disks = {disk.key: [disk.size, disk.metadata] for disk in inventory.disks.values()}
    return json.dumps(plain([rows, guests, disks], names), sort_keys=True)


def without_vms(picture: str, keys: Container[str]) -> str:
    """The picture without the rows and guests of these VMs."""
    rows, guests, disks = json.loads(picture)
    rows[VmRow.TABLE] = [row for row in rows[VmRow.TABLE] if row["object_key"] not in keys]
    return json.dumps([rows, {key: one for key, one in guests.items() if key not in keys}, disks], sort_keys=True)


BRIEF = (*TOLD, *UPLOADED, EventRow)
"""What the pictures of random worlds leave out: uploads never change, and audit events may be told by two directors."""


def plain(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {names.get(key, key): bool(one) if key in _TIMES else plain(one, names) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one, names) for one in value]
    return names.get(value, value) if isinstance(value, str) else value
