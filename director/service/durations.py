"""Durations of steps, kept from task to task: folded from a task's journal at its end, and put to the steps of new plans."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from director.engine.cancel import Interrupted
from director.engine.context import TaskContext
from director.engine.journal import DONE
from director.model.durations import DurationRow
from director.model.errors import LeaseLost, RowChanged
from director.model.plan import Plan
from director.model.rows import JournalEntry
from director.plan.durations import MOST, expected, fold, outdated, samples, timed
from director.ports.store import Changes, Store
from director.service.aside import aside
from director.service.house import House

Function = Callable[[House, TaskContext], Awaitable[str | None]]
_TRIES = 3


async def with_expected(store: Store, plan: Plan) -> Plan:
    """The plan, each step with the seconds that it should take, as far as they are known."""
    if not _worth(plan):
        return plan
    return await aside(_units(plan), expected, plan, await store.find(DurationRow))


async def learning(function: Function, house: House, context: TaskContext) -> str | None:
    """A handler after which what its plan's steps took is remembered, whether it went well or not."""
    try:
        result = await function(house, context)
    except (LeaseLost, Interrupted):
        raise
    except Exception:
        await _learn(house, context)
        raise
    await _learn(house, context)
    return result


async def _learn(house: House, context: TaskContext) -> None:
    """Fails no task: what is not remembered is forecast less well."""
    try:
        await _remember(house, context)
    except LeaseLost:
        raise
    except Exception as error:
        context.log.debug(f"durations are not remembered: {error}")


async def _remember(house: House, context: TaskContext) -> None:
    plan = await context.stored_plan()
    if plan is None or not _worth(plan):
        return
    store = house.store
    took = {
        entry.step_id: entry.ended_at - entry.intended_at
        for entry in await store.find(JournalEntry, task_id=context.task.id, state=DONE)
        if entry.ended_at is not None and not entry.settled
    }
    found = await aside(_units(plan), samples, plan, took)
    if not found:
        return
    for attempt in range(1, _TRIES + 1):
        known = {row.key: row for row in await store.find(DurationRow)}
        rows = fold(found, known, house.clock.now())
        old = outdated(known.values(), house.clock.now()) if len(known) > MOST // 2 else []
        changed = {row.key for row in rows}
        changes = Changes(
            put=rows,
            delete=[(DurationRow, key) for key in old if key not in changed],
            expect=[(DurationRow, row.key, known.get(row.key)) for row in rows],
        )
        try:
            await context.commit(changes)
            return
        except RowChanged:
            # another task of this or another director has just learned too
            if attempt == _TRIES:
                raise


def _worth(plan: Plan) -> bool:
    return any(timed(step) for stage in plan.stages for unit in stage.units for step in unit.steps)


def _units(plan: Plan) -> int:
    return sum(len(stage.units) for stage in plan.stages)
