"""What a task's plan did to VMs, disks and instances, as audit events: read from its journal, which is the truth of it."""

from __future__ import annotations

from typing import Any

from director.engine.journal import DONE, FAILED, stored_plan
from director.model.actions import (
    CreateDisk,
    CreateVm,
    DeleteDisk,
    DeleteInstance,
    DeleteVm,
    FinishInstance,
    OrphanDisk,
    SwapVm,
)
from director.model.plan import Step, Unit
from director.model.rows import DiskRow, EventRow, JournalEntry, Task
from director.ports.store import Store

_VERBS = {
    CreateVm.KIND: ("create", "vm"),
    DeleteVm.KIND: ("delete", "vm"),
    CreateDisk.KIND: ("create", "disk"),
    DeleteDisk.KIND: ("delete", "disk"),
    OrphanDisk.KIND: ("orphan", "disk"),
    SwapVm.KIND: ("orphan", "vm"),
    DeleteInstance.KIND: ("delete", "instance"),
}
_ANEW = {"vm", "recreate", "unresponsive agent", "stemcell", "missing_vm", "unresponsive_agent"}


async def deeds(store: Store, task: Task, parent: int) -> list[EventRow]:
    """Events with id 0, in the order of their ends. Steps that were never begun tell nothing."""
    plan = await stored_plan(store, task.id)
    if plan is None:
        return []
    last: dict[str, JournalEntry] = {}
    for entry in await store.find(JournalEntry, task_id=task.id):
        known = last.get(entry.step_id)
        if known is None or entry.attempt > known.attempt:
            last[entry.step_id] = entry
    disks = {row.object_key: row.cid for row in await store.find(DiskRow, deployment=task.deployment or "")}
    found: list[EventRow] = []

    def tell(entry: JournalEntry, action: str, kind: str, name: str, instance: str) -> None:
        found.append(
            EventRow(
                id=0,
                parent_id=parent,
                timestamp=entry.ended_at or entry.intended_at,
                user=task.user,
                action=action,
                object_type=kind,
                object_name=name,
                error=entry.error or None,
                task=str(task.id),
                deployment=task.deployment,
                instance=instance or None,
            )
        )

    for stage in plan.stages:
        for unit in stage.units:
            # units of instances are called ``group/uuid (index)`` and have the uuid as their id
            instance = unit.task.partition(" (")[0] if unit.id in unit.task else ""
            entries = [last[step.id] for step in unit.steps if step.id in last]
            for step in unit.steps:
                entry = last.get(step.id)
                if entry is None or entry.state not in (DONE, FAILED) or step.kind not in _VERBS:
                    continue
                result: Any = entry.result or {}
                key = str(step.args.get("object_key") or step.args.get("agent_id") or instance)
                tell(entry, *_VERBS[step.kind], str(result.get("cid") or disks.get(key) or key), instance)
            finish = next((step for step in unit.steps if step.kind == FinishInstance.KIND), None)
            closed = [entry for entry in entries if entry.state in (DONE, FAILED)]
            if finish is not None and closed and stage.id != "save" and _ended(closed, finish):
                tell(closed[-1], _verb(unit), "instance", instance, instance)
    return sorted(found, key=lambda one: one.timestamp)


def _ended(closed: list[JournalEntry], finish: Step) -> bool:
    """The unit came to its end, or failed on the way."""
    return closed[-1].state == FAILED or closed[-1].step_id == finish.id


def _verb(unit: Unit) -> str:
    fields = {cause.field: cause for step in unit.steps for cause in step.causes}
    if "instance" in fields and fields["instance"].old is None:
        return "create"
    if fields.keys() & _ANEW or any(step.kind == CreateVm.KIND for step in unit.steps):
        return "recreate"
    return "update"
