"""How long a plan must take, given how long each of its steps takes by itself."""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Mapping, Sequence

from director.model.plan import Plan, Stage, Step

Duration = Callable[[Step], float]


def lower_bound(plan: Plan, duration: Duration) -> float:
    """Seconds that any schedule needs, even one that knows all durations beforehand: the longest way through the stages, each of which takes at least what `stage_bound` says."""
    ends: dict[str, float] = {}
    waiting = list(plan.stages)
    while waiting:
        ready = [stage for stage in waiting if all(need in ends for need in stage.needs)]
        if not ready:
            raise ValueError("the plan's stages need each other in a circle")
        for stage in ready:
            begins = max((ends[need] for need in stage.needs), default=0.0)
            ends[stage.id] = begins + stage_bound(stage, duration)
        waiting = [stage for stage in waiting if stage.id not in ends]
    return max(ends.values(), default=0.0)


def stage_bound(stage: Stage, duration: Duration) -> float:
    """Seconds: the longest chain of units; or all work shared evenly by the places of the stage; or, as some place has at least so many units
    as there are units per place, the shortest so many."""
    spans = {unit.id: sum(duration(step) for step in unit.steps) for unit in stage.units}
    needs = {unit.id: unit.needs for unit in stage.units}
    width = max(1, min(stage.width, len(spans)))
    shortest = sorted(spans.values())[: math.ceil(len(spans) / width)]
    return max(_longest_chain(spans, needs), sum(spans.values()) / width, sum(shortest))


def without_delay(plan: Plan, duration: Duration) -> float:
    """Seconds of a director that does not know the durations, starts each unit in the moment in which it may, and takes no time itself."""
    left = {stage.id: len(stage.units) for stage in plan.stages}
    free = {stage.id: max(1, stage.width) for stage in plan.stages}
    waiting = {stage.id: sorted(stage.units, key=lambda unit: -len(unit.steps)) for stage in plan.stages}
    ended: set[tuple[str, str]] = set()
    running: list[tuple[float, str, str]] = []
    now = 0.0
    while True:
        for stage in plan.stages:
            if any(left[need] for need in stage.needs):
                continue
            for unit in list(waiting[stage.id]):
                if free[stage.id] and all((stage.id, need) in ended for need in unit.needs):
                    waiting[stage.id].remove(unit)
                    free[stage.id] -= 1
                    heapq.heappush(running, (now + sum(duration(step) for step in unit.steps), stage.id, unit.id))
        if not running:
            return now
        now, stage_id, unit_id = heapq.heappop(running)
        ended.add((stage_id, unit_id))
        left[stage_id] -= 1
        free[stage_id] += 1


def _longest_chain(spans: dict[str, float], needs: Mapping[str, Sequence[str]]) -> float:
    chains: dict[str, float] = {}

    def chain(unit: str) -> float:
        if unit not in chains:
            chains[unit] = spans[unit] + max((chain(need) for need in needs[unit]), default=0.0)
        return chains[unit]

    return max((chain(unit) for unit in spans), default=0.0)
