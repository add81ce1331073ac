"""A plan carried out on paper: who begins when, if every unit takes so long. The rules are those of `director.engine.order`."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field

from msgspec import Struct

from director.model.paths import longest
from director.model.plan import Plan, Stage, Step, Unit

Key = tuple[str, str]  # stage and unit


class Span(Struct, frozen=True):
    """Seconds from the begin of the plan."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


@dataclass
class _Open:
    """A stage on its way. ``ready`` are units whose needs have ended, heaviest first."""

    stage: Stage
    needs: int
    left: int
    weights: dict[str, float] = field(default_factory=dict[str, float])
    ready: list[tuple[float, int]] = field(default_factory=list[tuple[float, int]])
    waits: dict[str, int] = field(default_factory=dict[str, int])
    running: int = 0


def simulate(
    plan: Plan, cost: Callable[[Step], float], weight: Callable[[Step], float] | None = None
) -> dict[Key, Span]:
    """The span of each unit. ``cost`` in seconds; ``weight``: what the order goes by, where that is not the cost.

    Raises for needs in a circle, as the engine does.
    """
    weight = weight or cost
    opens = {stage.id: _Open(stage, len(set(stage.needs)), len(stage.units)) for stage in plan.stages}
    followers: dict[str, list[str]] = {id: [] for id in opens}
    for stage in plan.stages:
        for need in set(stage.needs):
            followers[need].append(stage.id)
    dependants: dict[Key, list[int]] = {}
    for one in opens.values():
        one.weights = dict(longest(one.stage, lambda unit: sum(map(weight, unit.steps))))
        for index, unit in enumerate(one.stage.units):
            one.waits[unit.id] = len(set(unit.needs))
            for need in set(unit.needs):
                dependants.setdefault((one.stage.id, need), []).append(index)
    spans: dict[Key, Span] = {}
    events: list[tuple[float, int, str, str]] = []
    number = 0

    def offer(one: _Open, index: int) -> None:
        heapq.heappush(one.ready, (-one.weights[one.stage.units[index].id], index))

    def start(one: _Open, now: float) -> None:
        nonlocal number
        while one.ready and one.running < max(one.stage.width, 1):
            unit = one.stage.units[heapq.heappop(one.ready)[1]]
            one.running += 1
            spans[one.stage.id, unit.id] = Span(now, now + _cost(unit, cost))
            number += 1
            heapq.heappush(events, (spans[one.stage.id, unit.id].end, number, one.stage.id, unit.id))

    def begin(id: str, now: float) -> None:
        """The stages that may begin, and those that end at once because nothing is in them."""
        waiting = [id]
        while waiting:
            one = opens[waiting.pop()]
            for index, unit in enumerate(one.stage.units):
                if not one.waits[unit.id]:
                    offer(one, index)
            if one.left:
                start(one, now)
            else:
                waiting += ended(one)

    def ended(one: _Open) -> list[str]:
        free: list[str] = []
        for follower in followers[one.stage.id]:
            opens[follower].needs -= 1
            if not opens[follower].needs:
                free.append(follower)
        return free

    for id in [one.stage.id for one in opens.values() if not one.needs]:
        begin(id, 0.0)
    while events:
        now = events[0][0]
        touched: dict[str, None] = {}
        freed: list[str] = []
        while events and events[0][0] == now:
            _, _, stage_id, unit_id = heapq.heappop(events)
            one = opens[stage_id]
            one.running -= 1
            one.left -= 1
            for index in dependants.get((stage_id, unit_id), ()):
                unit = one.stage.units[index]
                one.waits[unit.id] -= 1
                if not one.waits[unit.id]:
                    offer(one, index)
            touched[stage_id] = None
            if not one.left:
                freed += ended(one)
        for stage_id in touched:
            start(opens[stage_id], now)
        for stage_id in freed:
            begin(stage_id, now)
    if len(spans) < sum(len(stage.units) for stage in plan.stages):
        raise ValueError("the plan's stages need each other in a circle")
    return spans


def wall(spans: dict[Key, Span]) -> float:
    """From the first begin to the last end."""
    return max((span.end for span in spans.values()), default=0.0)


def _cost(unit: Unit, cost: Callable[[Step], float]) -> float:
    return sum(map(cost, unit.steps))
