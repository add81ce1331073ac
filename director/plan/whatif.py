"""What would have saved most: a plan carried out again on paper, as long as its steps took, with one thing changed. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from msgspec import Struct
from msgspec.structs import replace

from director.model.plan import Plan, Stage, Step
from director.plan.critical import waited
from director.plan.simulate import simulate, wall

Cost = Callable[[Step], float]
_LEAST = 0.5  # seconds, and a hundredth of all


class Saving(Struct, frozen=True):
    """``change`` in words; ``seconds`` less than the plan took."""

    change: str
    seconds: float


def savings(plan: Plan, seconds: Mapping[str, float], kinds: Iterable[str], most: int = 3) -> list[Saving]:
    """The changes that would have saved most. ``seconds`` that each step took; ``kinds`` of steps worth to be sped up."""

    def cost(step: Step) -> float:
        return seconds.get(step.id, 0.0)

    took = wall(simulate(plan, cost))
    found = [
        Saving(change, took - wall(simulate(other, its_cost)))
        for change, other, its_cost in _changes(plan, cost, kinds)
    ]
    worth = [one for one in found if one.seconds >= max(_LEAST, took / 100)]
    return sorted(worth, key=lambda one: -one.seconds)[:most]


def _changes(plan: Plan, cost: Cost, kinds: Iterable[str]) -> Iterator[tuple[str, Plan, Cost]]:
    for group in _groups(plan):
        mine = [one for one in plan.stages if _group(one) == group]
        narrow = {one.id for one in mine if one.width < len(one.units)}
        if narrow:
            width = max(one.width for one in mine)
            yield f"max_in_flight of {group} doubled ({width} → {2 * width})", _widened(plan, narrow), cost
        merged = _without_canaries(plan, group)
        if merged is not None:
            yield f"no canaries of {group}", merged, cost
    for id, words in (("compile", "compilation workers"), ("create", "VMs made at once")):
        stage = next((one for one in plan.stages if one.id == id and one.width < len(one.units)), None)
        if stage is not None:
            yield f"{words} doubled ({stage.width} → {2 * stage.width})", _widened(plan, {id}), cost
    side_by_side = _side_by_side(plan)
    if side_by_side is not None:
        yield "groups updated side by side (serial: false)", side_by_side, cost
    yield "no lower bounds of watch times", plan, lambda step: cost(step) - waited(step, cost(step))
    for kind in kinds:
        yield f"{kind} in half the time", plan, _faster(cost, kind)


def _faster(cost: Cost, kind: str) -> Cost:
    def its_cost(step: Step) -> float:
        took = cost(step)
        return took - (took - waited(step, took)) / 2 if step.kind == kind else took

    return its_cost


def _group(stage: Stage) -> str:
    """The group that an updating stage is of, empty for other stages."""
    return stage.tags[0] if stage.tags and stage.id.startswith(("update/", "delete/")) else ""


def _groups(plan: Plan) -> list[str]:
    return list(dict.fromkeys(group for stage in plan.stages if (group := _group(stage))))


def _widened(plan: Plan, stages: set[str]) -> Plan:
    return replace(
        plan, stages=tuple(replace(one, width=2 * one.width) if one.id in stages else one for one in plan.stages)
    )


def _without_canaries(plan: Plan, group: str) -> Plan | None:
    """The canaries go with the others of their AZ. None where there are none, or no others."""
    canary = next(
        (one for one in plan.stages if _group(one) == group and any(_is_canary(unit.task) for unit in one.units)), None
    )
    others = next((one for one in plan.stages if canary and _group(one) == group and canary.id in one.needs), None)
    if canary is None or others is None:
        return None
    merged = replace(others, units=(*canary.units, *others.units), needs=canary.needs)
    stages = [merged if one is others else one for one in plan.stages if one is not canary]
    return replace(plan, stages=tuple(_needing(one, {canary.id: (others.id,)}) for one in stages))


def _is_canary(task: str) -> bool:
    return task.endswith("(canary)")


def _side_by_side(plan: Plan) -> Plan | None:
    """Every group begins when the first may. None where they do."""
    groups = _groups(plan)
    firsts = {group: next(one for one in plan.stages if _group(one) == group) for group in groups}
    if len(groups) < 2:
        return None
    base = firsts[groups[0]].needs
    if all(one.needs == base for one in firsts.values()):
        return None
    lasts = {one.id for one in plan.stages if _group(one)}
    moved = {one.id for one in firsts.values()}
    stages: list[Stage] = []
    for one in plan.stages:
        if one.id in moved:
            stages.append(replace(one, needs=base))
        elif not _group(one) and lasts & set(one.needs):
            # what comes after the last group comes after all of them
            stages.append(replace(one, needs=tuple(dict.fromkeys((*one.needs, *sorted(lasts))))))
        else:
            stages.append(one)
    return replace(plan, stages=tuple(stages))


def _needing(stage: Stage, renamed: Mapping[str, tuple[str, ...]]) -> Stage:
    needs = tuple(dict.fromkeys(each for need in stage.needs for each in renamed.get(need, (need,))))
    return stage if needs == stage.needs else replace(stage, needs=needs)
