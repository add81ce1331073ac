"""What became of a task's plan: planned against actual, the critical path, and what would have saved most. Read from plan and journal."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from msgspec import Struct

from director.engine.journal import DONE, FAILED, stored_plan
from director.model.deployment import Document
from director.model.errors import NotFound
from director.model.plan import Plan, Stage, Unit
from director.model.rows import JournalEntry, Task
from director.plan.critical import Link, Timing, by_kind, critical_path, held
from director.plan.forecast import Forecast, forecast, guess
from director.plan.whatif import savings
from director.ports.store import Store

_KINDS = 6  # of steps, for which being faster is tried


class Tries(Struct):
    """What the journal tells of one step."""

    begin: float
    end: float | None
    state: str
    tries: int
    settled: bool


async def report(store: Store, task: Task) -> Document:
    """Of a task that carries out, or has carried out, a plan; else `NotFound`. Times are epoch seconds, all else seconds."""
    plan = await stored_plan(store, task.id)
    if plan is None:
        raise NotFound(
            f"Task {task.id} has no plan to report on",
            code=10000,
            remedy="Plans have those tasks that change instances; a dry run has none",
        )
    entries = await store.find(JournalEntry, task_id=task.id)
    # pure, and long for thousands of instances
    return await asyncio.to_thread(_told, task, plan, entries)


def _told(task: Task, plan: Plan, entries: Sequence[JournalEntry]) -> Document:
    tries = _tries(entries)
    timings = {id: Timing(one.begin, one.end) for id, one in tries.items() if one.end is not None}
    planned = forecast(plan)
    begin = min((one.begin for one in tries.values()), default=task.started_at or task.created_at)
    end = max((one.end for one in timings.values()), default=begin)
    path = critical_path(plan, timings, begin)
    titles = {step.id: step.title for stage in plan.stages for unit in stage.units for step in unit.steps}
    whole = all(id in tries and tries[id].state == DONE for id in titles)
    kinds = [kind for kind, seconds in by_kind(path).items() if seconds > 0][:_KINDS]
    took = {id: one.seconds for id, one in timings.items()}
    return {
        "task": task.id,
        "state": task.state,
        "deployment": plan.deployment,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
        "planned": {"seconds": _round(planned.seconds), "whole": planned.whole, "unknown": list(planned.unknown)},
        "actual": _round(end - begin),
        "preparing": _round(begin - (task.started_at or begin)),
        "retries": sum(one.tries - 1 for one in tries.values()),
        "settled": [titles.get(id, id) for id, one in tries.items() if one.settled],
        "stages": [_stage(stage, planned, tries, begin) for stage in plan.stages],
        "critical_path": _path(path, begin),
        # a plan that was not carried out to its end says nothing of what the rest would have taken
        "savings": [{"change": one.change, "seconds": _round(one.seconds)} for one in savings(plan, took, kinds)]
        if whole
        else [],
    }


def _tries(entries: Sequence[JournalEntry]) -> dict[str, Tries]:
    found: dict[str, Tries] = {}
    for entry in sorted(entries, key=lambda one: (one.intended_at, one.attempt)):
        known = found.get(entry.step_id)
        if known is None:
            found[entry.step_id] = Tries(entry.intended_at, entry.ended_at, entry.state, 1, entry.settled)
        else:
            known.end, known.state = entry.ended_at, entry.state
            known.tries += 1
            known.settled = known.settled or entry.settled
    return found


def _stage(stage: Stage, planned: Forecast, tries: Mapping[str, Tries], begin: float) -> Document:
    units = [_unit(unit, tries, begin) for unit in stage.units]
    begun = [one for one in units if one["begin"] is not None]
    spans = [planned.spans[stage.id, unit.id] for unit in stage.units]
    first = min((one["begin"] for one in begun), default=None)
    last = max((one["begin"] + one["actual"] for one in begun), default=None)
    known = planned.seconds is not None
    return {
        "title": stage.title,
        "tags": list(stage.tags),
        "width": stage.width,
        "planned": _round(max(one.end for one in spans) - min(one.begin for one in spans)) if spans and known else None,
        "whole": all(one["planned"]["whole"] for one in units),
        "begin": first,
        "actual": None if first is None or last is None else _round(last - first),
        "units": units,
    }


def _unit(unit: Unit, tries: Mapping[str, Tries], begin: float) -> Document:
    found = guess(unit.steps)
    mine = [tries[step.id] for step in unit.steps if step.id in tries]
    ends = [one.end for one in mine if one.end is not None]
    return {
        "title": unit.task,
        "planned": {"seconds": _round(found.seconds), "whole": found.whole},
        "begin": _round(mine[0].begin - begin) if mine else None,
        "actual": _round(max(ends, default=mine[0].begin) - mine[0].begin) if mine else None,
        "state": _state(unit, mine),
        "tries": max((one.tries for one in mine), default=0),
    }


def _state(unit: Unit, mine: Sequence[Tries]) -> str:
    """``done``, ``failed``, ``begun`` or ``waiting``."""
    if any(one.state == FAILED for one in mine):
        return "failed"
    if len(mine) == len(unit.steps) and all(one.state == DONE for one in mine):
        return "done"
    return "begun" if mine else "waiting"


def _path(path: Sequence[Link], begin: float) -> Document:
    spent = held(list(path))
    return {
        "seconds": _round(path[-1].end - begin) if path else 0,
        "held": {name: _round(getattr(spent, name)) for name in spent.__struct_fields__},
        "by_kind": [{"kind": kind, "seconds": _round(seconds)} for kind, seconds in by_kind(list(path)).items()],
        "units": [
            {
                "stage": " ".join([one.stage.title, *one.stage.tags]),
                "unit": one.unit.task,
                "begin": _round(one.begin - begin),
                "seconds": _round(one.end - one.begin),
                "idle": _round(one.idle),
                "released_by": one.released_by,
                "steps": [
                    {"kind": step.kind, "title": step.title, "seconds": _round(seconds)} for step, seconds in one.steps
                ],
            }
            for one in path
        ],
    }


def _round(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)
