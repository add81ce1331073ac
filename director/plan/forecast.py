"""What a plan should take, and how long each instance should be down: from the expected seconds of its steps. Pure.

What is not known counts nothing and is told as not known; a forecast with gaps is a lower bound.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping, Sequence

from msgspec import Struct, field

from director.model.actions import CompilePackage, DeleteVm, Drain, Start, Stop, Watch
from director.model.paths import costs
from director.model.plan import Plan, Step, Unit
from director.plan.durations import policy_wait, timed
from director.plan.simulate import Key, Span, simulate, wall

_DOWN = (Drain.KIND, Stop.KIND, DeleteVm.KIND)
_UP = (Start.KIND, Watch.KIND)
_NAMED = 5
_DRAWS = 5
_Z = 1.2816  # standard deviations below which nine in ten lie


class Guess(Struct, frozen=True):
    """``seconds`` that are known of; ``whole``: nothing is missing; ``waits`` of them are waits that policy asks for."""

    seconds: float
    whole: bool
    waits: float = 0


class Forecast(Struct, frozen=True):
    """``seconds``: wall time if every step takes its mean, None when nothing is known of any step; ``likely``: what it should stay below most
    times, as the slowest of many takes longer than the mean; ``whole``: every step's duration was known; ``waits``: how much longer it takes for
    the lower bounds of watch times; ``unknown``: what has never been timed, most frequent first.

    ``units`` and ``downtime`` by stage and unit; no downtime where an instance is not running before or not after.
    """

    seconds: float | None
    whole: bool
    steps: int
    timed: int
    likely: float | None = None
    waits: float = 0
    unknown: tuple[str, ...] = ()
    units: dict[Key, Guess] = field(default_factory=dict[Key, Guess])
    downtime: dict[Key, Guess] = field(default_factory=dict[Key, Guess])
    spans: dict[Key, Span] = field(default_factory=dict[Key, Span])


def forecast(plan: Plan) -> Forecast:
    """Of a plan whose steps carry what is expected (`durations.expected`)."""
    steps = [step for stage in plan.stages for unit in stage.units for step in unit.steps if timed(step)]
    known = sum(step.seconds is not None for step in steps)
    weight = costs(plan)
    spans = simulate(plan, seconds_of, weight)
    total = wall(spans)
    waits = any(policy_wait(step) for step in steps)
    without = wall(simulate(plan, lambda step: seconds_of(step) - policy_wait(step), weight)) if waits else total
    keys = [((stage.id, unit.id), unit) for stage in plan.stages for unit in stage.units]
    return Forecast(
        seconds=total if known or not steps else None,
        whole=known == len(steps),
        steps=len(steps),
        timed=known,
        likely=max([total, *(wall(simulate(plan, _drawn(number), weight)) for number in range(_DRAWS))])
        if known
        else None,
        waits=max(0.0, total - without),
        unknown=_unknown(steps),
        units={key: guess(unit.steps) for key, unit in keys},
        downtime={key: guess(down) for key, unit in keys if (down := down_steps(unit))},
        spans=spans,
    )


def seconds_of(step: Step) -> float:
    """As far as is known; a wait that policy asks for is always known."""
    return policy_wait(step) if step.seconds is None else step.seconds


def _drawn(number: int) -> Callable[[Step], float]:
    """Seconds as they might come, the same each time: of a log-normal distribution with the step's mean and its nine tenths' bound."""
    dice = random.Random(number)  # noqa: S311 (no secret)
    drawn: dict[str, float] = {}

    def seconds(step: Step) -> float:
        if step.id not in drawn:
            wait = policy_wait(step)
            mean = seconds_of(step) - wait
            drawn[step.id] = wait + mean * _factor(mean, (step.high or 0.0) - wait, dice)
        return drawn[step.id]

    return seconds


def _factor(mean: float, high: float, dice: random.Random) -> float:
    if mean <= 0 or high <= mean:
        return 1.0
    # from ln(high / mean) = z * sigma - sigma² / 2, whose greatest value is z² / 2
    sigma = _Z - math.sqrt(max(0.0, _Z * _Z - 2 * math.log(high / mean)))
    return math.exp(dice.gauss(0.0, sigma) - sigma * sigma / 2)


def guess(steps: Sequence[Step]) -> Guess:
    """Of steps that follow each other."""
    return Guess(
        sum(map(seconds_of, steps)),
        all(step.seconds is not None or not timed(step) for step in steps),
        sum(map(policy_wait, steps)),
    )


def down_steps(unit: Unit) -> Sequence[Step]:
    """The steps during which a running instance does not serve: from drain, stop or the VM's end to the last that brings its jobs up.
    None where it does not come up again."""
    kinds = [step.kind for step in unit.steps]
    first = next((number for number, kind in enumerate(kinds) if kind in _DOWN), None)
    last = next((number for number in reversed(range(len(kinds))) if kinds[number] in _UP), None)
    if first is None or last is None or last < first:
        return ()
    return unit.steps[first : last + 1]


def stays_down(unit: Unit) -> bool:
    """Whether a unit takes an instance's jobs down and does not bring them up."""
    return any(step.kind in (Stop.KIND, DeleteVm.KIND) for step in unit.steps) and not down_steps(unit)


def _unknown(steps: Sequence[Step]) -> tuple[str, ...]:
    counts: dict[str, int] = {}
    for step in steps:
        if step.seconds is None:
            name = f"compile {step.args['name']}" if step.kind == CompilePackage.KIND else step.kind
            counts[name] = counts.get(name, 0) + 1
    names = sorted(counts, key=lambda one: (-counts[one], one))
    return tuple(names[:_NAMED]) + ((f"{len(names) - _NAMED} other kinds",) if len(names) > _NAMED else ())


def by_group(plan: Plan, found: Mapping[Key, Guess]) -> dict[str, list[Guess]]:
    """Guesses about instances, gathered by group, in the plan's order."""
    groups: dict[str, list[Guess]] = {}
    for stage in plan.stages:
        for unit in stage.units:
            one = found.get((stage.id, unit.id))
            if one is not None:
                groups.setdefault(unit.task.partition("/")[0], []).append(one)
    return groups
