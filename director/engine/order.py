"""Which unit may start next: what it needs has ended, and the longest remaining path goes first."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from director.model.errors import BadRequest
from director.model.paths import costs, longest
from director.model.plan import Plan, Stage, Unit


@dataclass(eq=False)
class Work:
    """A unit on its way: how many of its steps are done, and whether it was ever begun."""

    stage: Stage
    unit: Unit
    index: int
    done: int = 0
    begun: bool = False
    failed: bool = False
    weight: float = 0

    @property
    def ended(self) -> bool:
        return not self.failed and self.done == len(self.unit.steps)


@dataclass
class Order:
    """The units of a plan. A path is as long as its steps should take; where nothing is known of that, as its count of steps."""

    plan: Plan
    works: dict[tuple[str, str], Work] = field(default_factory=dict[tuple[str, str], Work])
    _by_stage: dict[str, list[Work]] = field(default_factory=dict[str, list[Work]])
    _ended: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        for stage in self.plan.stages:
            self._by_stage[stage.id] = []
            for index, unit in enumerate(stage.units):
                work = self.works[stage.id, unit.id] = Work(stage, unit, index)
                self._by_stage[stage.id].append(work)
        self._check()
        cost = costs(self.plan)
        for stage in self.plan.stages:
            for id, weight in longest(stage, lambda unit: sum(map(cost, unit.steps))).items():
                self.works[stage.id, id].weight = weight

    def _check(self) -> None:
        steps: set[str] = set()
        for stage in self.plan.stages:
            units = {unit.id for unit in stage.units}
            if len(units) < len(stage.units):
                raise BadRequest(f"Plan stage {stage.id}: two units have the same id")
            for need in stage.needs:
                if need not in self._by_stage:
                    raise BadRequest(f"Plan stage {stage.id} needs stage {need}, which the plan does not have")
            for unit in stage.units:
                for need in unit.needs:
                    if need not in units:
                        raise BadRequest(
                            f"Plan unit {stage.id}/{unit.id} needs unit {need}, which its stage does not have"
                        )
                for step in unit.steps:
                    if step.id in steps:
                        raise BadRequest(f"Plan step {step.id} occurs twice")
                    steps.add(step.id)

    def ready(self, running: set[Work]) -> list[Work]:
        """Units that may start now, in the order in which they should; the widths of their stages are kept."""
        found: list[Work] = []
        taken = Counter(work.stage.id for work in running)
        for stage in self.plan.stages:
            if stage.id in self._ended or not self._ended.issuperset(stage.needs):
                continue
            free = max(stage.width, 1) - taken[stage.id]
            if free <= 0:
                continue
            left = self._by_stage[stage.id] = [work for work in self._by_stage[stage.id] if not work.ended]
            if not left:
                self._ended.add(stage.id)
                return self.ready(running)  # those that need it may stand before it
            waiting = [
                work
                for work in left
                if work not in running
                and not work.failed
                and all(self.works[stage.id, need].ended for need in work.unit.needs)
            ]
            # a unit begun before a restart goes first: its instance is in the middle of its change
            waiting.sort(key=lambda work: (not work.begun, -work.weight, work.index))
            found.extend(waiting[:free])
        return found

    @property
    def complete(self) -> bool:
        return all(work.ended for work in self.works.values())
