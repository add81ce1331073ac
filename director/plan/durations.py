"""From how long steps have taken to how long the steps of a plan should take. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from msgspec import Struct
from msgspec.structs import replace

from director.model.actions import (
    BeginInstance,
    CompilePackage,
    DeleteDeployment,
    DeleteInstance,
    FinishInstance,
    OrphanDisk,
    SaveDeployment,
    Watch,
)
from director.model.durations import ANY, DurationRow
from director.model.plan import Plan, Stage, Step, Unit

# these change rows alone
_ROWS_ALONE = {
    one.KIND for one in (BeginInstance, DeleteDeployment, DeleteInstance, FinishInstance, OrphanDisk, SaveDeployment)
}
_MEMORY = 50  # steps: what is older than so many newer ones hardly counts
MOST = 4000  # rows
KEPT = 180 * 86400.0


class Sample(Struct, frozen=True):
    """What one step took, without its policy's wait."""

    kind: str
    cpi: str
    subject: str
    seconds: float


def timed(step: Step) -> bool:
    """Whether the step's duration is worth knowing."""
    return step.kind not in _ROWS_ALONE


def policy_wait(step: Step) -> float:
    """Seconds that the step waits because the manifest says so: until the first look of a watch."""
    if step.kind != Watch.KIND:
        return 0.0
    low, high = step.args.get("low"), step.args.get("high") or 0
    return (high if low is None else min(low, high)) / 1000


def place_of(plan: Plan, stage: Stage, unit: Unit) -> tuple[str, str]:
    """CPI and subject of a unit's steps, as far as they can be told."""
    cpi = next((one for step in unit.steps if (one := _cpi(step)) is not None), "")
    if stage.id == "compile":
        return cpi, "compilation"
    # units of instances are called ``group/uuid (index)``
    group, slash, rest = unit.task.partition("/")
    return cpi, f"{plan.deployment}/{group}" if slash and rest.startswith(unit.id.rpartition("/")[2]) else ""


def subject_of(step: Step, usual: str) -> str:
    """A package compiles as long as it is big, wherever; all else depends on its group."""
    return f"{step.args['release']}/{step.args['name']}" if step.kind == CompilePackage.KIND else usual


def samples(plan: Plan, took: Mapping[str, float]) -> list[Sample]:
    """Of a plan's steps, by what they took (seconds by step id)."""
    found: list[Sample] = []
    for stage in plan.stages:
        for unit in stage.units:
            cpi, subject = place_of(plan, stage, unit)
            for step in unit.steps:
                seconds = took.get(step.id)
                if seconds is not None and timed(step):
                    work = max(0.0, seconds - policy_wait(step))
                    found.append(Sample(step.kind, cpi, subject_of(step, subject), work))
    return found


def fold(samples: Iterable[Sample], known: Mapping[str, DurationRow], now: float) -> list[DurationRow]:
    """The rows with these samples in them: each subject's own, those of the kind on the CPI, and those of the kind."""
    gathered: dict[tuple[str, str, str], list[float]] = {}
    for one in samples:
        for key in {(one.kind, one.cpi, one.subject), (one.kind, one.cpi, ANY), (one.kind, ANY, ANY)}:
            gathered.setdefault(key, []).append(one.seconds)
    return [_folded(*key, seconds, known.get("/".join(key)), now) for key, seconds in gathered.items()]


def _folded(
    kind: str, cpi: str, subject: str, seconds: list[float], before: DurationRow | None, now: float
) -> DurationRow:
    count = len(seconds)
    mean = sum(seconds) / count
    high = sorted(seconds)[min(count - 1, count * 9 // 10)]
    if before is not None:
        share = count / (count + min(before.count, _MEMORY))
        mean = before.mean + share * (mean - before.mean)
        high = max(mean, before.high + share * (high - before.high))
        count += before.count
    return DurationRow(
        kind=kind,
        cpi=cpi,
        subject=subject,
        count=count,
        mean=round(mean, 4),
        high=round(max(mean, high), 4),
        updated_at=now,
    )


def outdated(rows: Iterable[DurationRow], now: float) -> list[str]:
    """Keys of rows that are not worth keeping: not moved for long, and the oldest where there are too many."""
    alive = sorted(rows, key=lambda one: one.updated_at, reverse=True)
    return [one.key for number, one in enumerate(alive) if number >= MOST or one.updated_at < now - KEPT]


def expected(plan: Plan, rows: Iterable[DurationRow]) -> Plan:
    """The plan with the expected seconds of each step that anything is known of; its own subject's first, else its kind's."""
    known = {row.key: (row.mean, row.high) for row in rows}
    return replace(plan, stages=tuple(_stage(plan, stage, known) for stage in plan.stages))


def _stage(plan: Plan, stage: Stage, known: Mapping[str, tuple[float, float]]) -> Stage:
    units: list[Unit] = []
    for unit in stage.units:
        cpi, subject = place_of(plan, stage, unit)
        steps = tuple(_step(one, cpi, subject, known) for one in unit.steps)
        units.append(replace(unit, steps=steps))
    return replace(stage, units=tuple(units))


def _step(step: Step, cpi: str, subject: str, known: Mapping[str, tuple[float, float]]) -> Step:
    if not timed(step):
        return replace(step, seconds=0.0, high=0.0)
    own = subject_of(step, subject)
    places = (f"{cpi}/{own}", f"{cpi}/{ANY}", f"{ANY}/{ANY}")
    # what one package takes says nothing of another
    for place in places[:1] if step.kind == CompilePackage.KIND else places:
        found = known.get(f"{step.kind}/{place}")
        if found is not None:
            wait = policy_wait(step)
            return replace(step, seconds=round(wait + found[0], 3), high=round(wait + found[1], 3))
    return replace(step, seconds=None, high=None)


def _cpi(step: Step) -> str | None:
    args = step.args
    vm = args.get("vm") or (args.get("spec") or {}).get("vm")
    if isinstance(vm, dict):
        return str(vm.get("cpi") or "")
    return str(args["cpi"]) if "cpi" in args else None
