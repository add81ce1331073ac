"""Audit events (GET /events): two per long action, the second refers to the first; written under the task's lease."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from msgspec.structs import replace

from director.engine.cancel import Interrupted
from director.engine.context import TaskContext
from director.engine.journal import describe
from director.model.errors import LeaseLost
from director.model.rows import EventRow
from director.ports.store import Changes
from director.service.deeds import deeds
from director.service.house import House


async def audit(
    house: House,
    context: TaskContext,
    action: str,
    object_type: str,
    object_name: str,
    *,
    parent: int | None = None,
    error: BaseException | None = None,
) -> int:
    """Write one event; its id."""
    number = await house.store.next_id("events")
    event = EventRow(
        id=number,
        parent_id=parent,
        timestamp=house.clock.now(),
        user=context.task.user,
        action=action,
        object_type=object_type,
        object_name=object_name,
        error=describe(error) if error is not None else None,
        task=str(context.task.id),
        deployment=context.task.deployment,
    )
    await context.commit(Changes(put=(event,)))
    return number


@asynccontextmanager
async def audited(
    house: House, context: TaskContext, action: str, object_type: str, object_name: str
) -> AsyncGenerator[None]:
    """The two events around a long action, and before the second what the task's plan did to VMs, disks and instances.

    A task that goes on after a restart finds its first event and writes none anew; what pauses a task, or takes it away from this
    director, is no end of it.
    """
    told = await house.store.find(EventRow, task=str(context.task.id), object_type=object_type, object_name=object_name)
    first = next((one for one in told if one.parent_id is None), None)
    parent = first.id if first else await audit(house, context, action, object_type, object_name)
    action = first.action if first else action
    try:
        yield
    except (LeaseLost, Interrupted):
        raise
    except Exception as error:
        await _tell_deeds(house, context, parent)
        await audit(house, context, action, object_type, object_name, parent=parent, error=error)
        raise
    await _tell_deeds(house, context, parent)
    await audit(house, context, action, object_type, object_name, parent=parent)


async def _tell_deeds(house: House, context: TaskContext, parent: int) -> None:
    """All in one commit, so that a crash leaves none or all."""
    if any(one.parent_id == parent for one in await house.store.find(EventRow, task=str(context.task.id))):
        return
    found = await deeds(house.store, context.task, parent)
    if found:
        first = await house.store.next_id("events", len(found))
        await context.commit(Changes(put=[replace(one, id=number) for number, one in enumerate(found, first)]))
