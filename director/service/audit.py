"""Audit events (GET /events): two per long action, the second refers to the first."""

from __future__ import annotations

from director.engine.journal import describe
from director.model.deployment import Document
from director.model.rows import EventRow, Task
from director.ports.store import Changes
from director.service.house import House


async def audit(
    house: House,
    task: Task,
    action: str,
    object_type: str,
    object_name: str,
    *,
    parent: int | None = None,
    error: BaseException | None = None,
    context: Document | None = None,
) -> int:
    """Write one event; its id."""
    number = await house.store.next_id("events")
    event = EventRow(
        id=number,
        parent_id=parent,
        timestamp=house.clock.now(),
        user=task.user,
        action=action,
        object_type=object_type,
        object_name=object_name,
        error=describe(error) if error is not None else None,
        task=str(task.id),
        deployment=task.deployment,
        context=context or {},
    )
    await house.store.commit(Changes(put=(event,)))
    return number
