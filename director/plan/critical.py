"""The critical path of a plan that was carried out: walked back from its last step, each time to what let it begin. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

from msgspec import Struct

from director.model.plan import Plan, Stage, Step, Unit
from director.plan.durations import policy_wait
from director.plan.simulate import Key

_SAME = 0.001  # seconds: times are read one after the other

START, STAGE, UNIT, SLOT = "start", "stage", "unit", "slot"


class Timing(Struct, frozen=True):
    """When a step began (its first try) and ended (its last), in seconds of one clock."""

    begin: float
    end: float

    @property
    def seconds(self) -> float:
        return self.end - self.begin


class Link(Struct, frozen=True):
    """A unit on the path. ``released_by``: what let it begin: the plan's ``start``, the end of a ``stage`` or of a ``unit`` that it needs, or
    a ``slot`` that another left. ``idle``: seconds before it and between its steps in which nothing was done."""

    stage: Stage
    unit: Unit
    begin: float
    end: float
    released_by: str
    idle: float
    steps: tuple[tuple[Step, float], ...]

    @property
    def work(self) -> float:
        """Seconds of its steps without what policy asks to wait."""
        return sum(seconds - waited(step, seconds) for step, seconds in self.steps)

    @property
    def waits(self) -> float:
        """Seconds of its steps that policy asks to wait."""
        return sum(waited(step, seconds) for step, seconds in self.steps)


class Held(Struct, frozen=True):
    """Seconds on the path by what made them stand in line: ``watch`` lower bounds of watch times; ``canaries`` work on canaries, for which all
    others waited; ``max_in_flight`` work on units whose slot was waited for; ``work`` the rest; ``idle`` nothing was done."""

    watch: float = 0
    canaries: float = 0
    max_in_flight: float = 0
    work: float = 0
    idle: float = 0


def waited(step: Step, seconds: float) -> float:
    """The part of a step's seconds that policy asked to wait."""
    return min(policy_wait(step), seconds)


def critical_path(plan: Plan, timings: Mapping[str, Timing], begin: float) -> list[Link]:
    """From the first unit to the last. Its links' seconds and idle times add up to the time from ``begin`` to the last end."""
    done = _Done(plan, timings)
    links: list[Link] = []
    key = done.last
    seen: set[Key] = set()
    while key is not None:
        seen.add(key)
        span = done.spans[key]
        before, released_by = done.released(key, seen)
        free = begin if before is None else done.spans[before].end
        stage, unit = done.units[key]
        steps = tuple((step, timings[step.id].seconds) for step in unit.steps if step.id in timings)
        between = span.seconds - sum(seconds for _, seconds in steps)
        idle = max(0.0, span.begin - free) + between
        links.append(Link(stage, unit, span.begin, span.end, released_by, idle, steps))
        key = before
    return links[::-1]


def held(path: list[Link]) -> Held:
    """The path's time by what it was spent on."""
    sums = {"watch": 0.0, "canaries": 0.0, "max_in_flight": 0.0, "work": 0.0, "idle": 0.0}
    for number, one in enumerate(path):
        follower = path[number + 1] if number + 1 < len(path) else None
        if one.unit.task.endswith("(canary)"):
            sort = "canaries"
        elif follower is not None and follower.released_by == SLOT:
            sort = "max_in_flight"
        else:
            sort = "work"
        sums[sort] += one.work
        sums["watch"] += one.waits
        sums["idle"] += one.idle
    return Held(**sums)


def by_kind(path: list[Link]) -> dict[str, float]:
    """Seconds of work on the path by kind of step, most first."""
    sums: dict[str, float] = {}
    for link in path:
        for step, seconds in link.steps:
            sums[step.kind] = sums.get(step.kind, 0.0) + seconds - waited(step, seconds)
    return dict(sorted(sums.items(), key=lambda one: -one[1]))


class _Done:
    """Units that were begun, with their spans; who released whom."""

    def __init__(self, plan: Plan, timings: Mapping[str, Timing]) -> None:
        self._stages = {stage.id: stage for stage in plan.stages}
        self.spans: dict[Key, Timing] = {}
        self.units: dict[Key, tuple[Stage, Unit]] = {}
        for stage in plan.stages:
            for unit in stage.units:
                mine = [timings[step.id] for step in unit.steps if step.id in timings]
                if mine:
                    key = (stage.id, unit.id)
                    self.spans[key] = Timing(mine[0].begin, max(one.end for one in mine))
                    self.units[key] = (stage, unit)
        # of those that ended in the same moment, the last in the plan
        self.last = max(reversed(self.spans), key=lambda key: self.spans[key].end, default=None)
        self._ends: dict[str, list[tuple[float, Key]]] = {stage.id: [] for stage in plan.stages}
        self._begins: dict[str, list[float]] = {stage.id: [] for stage in plan.stages}
        for key, span in self.spans.items():
            self._ends[key[0]].append((span.end, key))
            self._begins[key[0]].append(span.begin)
        for stage_id, ends in self._ends.items():
            ends.sort()
            self._begins[stage_id].sort()

    def released(self, key: Key, seen: set[Key]) -> tuple[Key | None, str]:
        """The unit whose end let this one begin, the latest of all that it waited for."""
        stage, unit = self.units[key]
        begin = self.spans[key].begin
        best: tuple[float, int, Key, str] | None = None
        for rank, name, found in (
            (2, UNIT, self._needed(stage, unit)),
            (1, STAGE, self._before(stage)),
            (0, SLOT, self._slots(stage, begin, seen)),
        ):
            for one in found:
                if one in seen or one not in self.spans:
                    continue
                end = self.spans[one].end
                if end <= begin + _SAME and (best is None or (end, rank) > best[:2]):
                    best = (end, rank, one, name)
        return (None, START) if best is None else best[2:]

    def _needed(self, stage: Stage, unit: Unit) -> Iterator[Key]:
        """The units it needs; for one in which nothing was done, those of its own."""
        waiting, known = list(unit.needs), set(unit.needs)
        while waiting:
            key = (stage.id, waiting.pop())
            if key in self.spans:
                yield key
            else:
                needed = next(one for one in stage.units if one.id == key[1])
                more = [one for one in needed.needs if one not in known]
                known.update(more)
                waiting += more

    def _before(self, stage: Stage) -> Iterator[Key]:
        """The last to end of each needed stage; of one in which nothing was done, those of its own."""
        waiting, known = list(stage.needs), set(stage.needs)
        while waiting:
            need = waiting.pop()
            if self._ends[need]:
                yield self._ends[need][-1][1]
            else:
                more = [one for one in self._stages[need].needs if one not in known]
                known.update(more)
                waiting += more

    def _slots(self, stage: Stage, begin: float, seen: set[Key]) -> Iterator[Key]:
        """The last of the stage whose end made room in it: until then it was full."""
        ends = self._ends[stage.id]
        for number in range(bisect_left(ends, (begin + _SAME, ("\U0010ffff", ""))) - 1, -1, -1):
            end, key = ends[number]
            if key in seen:
                continue
            running = bisect_left(self._begins[stage.id], end) - bisect_left(ends, (end, ("", "")))
            if running >= stage.width or self.spans[key].begin == end:
                yield key
                return
