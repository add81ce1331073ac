"""The longest remaining path of each unit of a stage: what decides which of several goes first."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from director.model.errors import BadRequest
from director.model.plan import Plan, Stage, Step, Unit


def costs(plan: Plan) -> Callable[[Step], float]:
    """What a step counts: its expected seconds, the mean of the others where they are not known; 1 for each when none is."""
    known = [
        step.seconds for stage in plan.stages for unit in stage.units for step in unit.steps if step.seconds is not None
    ]
    timed = [one for one in known if one > 0]
    if not timed:
        return lambda step: 1.0
    usual = sum(timed) / len(timed)
    return lambda step: usual if step.seconds is None else step.seconds


def longest(stage: Stage, cost: Callable[[Unit], float]) -> Mapping[str, float]:
    """By unit: its own cost plus the longest path of those that need it. Raises for a circle."""
    needed_by: dict[str, list[str]] = {unit.id: [] for unit in stage.units}
    for unit in stage.units:
        for need in set(unit.needs):
            needed_by[need].append(unit.id)
    if not any(needed_by.values()):
        return {unit.id: cost(unit) for unit in stage.units}
    open_needs = {id: len(others) for id, others in needed_by.items()}
    by_id = {unit.id: unit for unit in stage.units}
    free = [id for id, count in open_needs.items() if not count]
    found: dict[str, float] = {}
    while free:
        id = free.pop()
        found[id] = cost(by_id[id]) + max((found[one] for one in needed_by[id]), default=0)
        for need in set(by_id[id].needs):
            open_needs[need] -= 1
            if not open_needs[need]:
                free.append(need)
    if len(found) < len(by_id):
        circle = ", ".join(id for id, count in open_needs.items() if count)
        raise BadRequest(f"Plan stage {stage.id}: units need each other in a circle: {circle}")
    return found
