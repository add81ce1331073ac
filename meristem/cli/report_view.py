"""A task's report: planned and actual times, the critical path, and what would have saved most."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.cli.director import ApiError
from meristem.cli.failure import CliError
from meristem.cli.session import Session
from meristem.cli.spans import positive, span
from meristem.cli.table import Cell, Table
from meristem.formats.values import Hash, Value, hashes, is_hash, strings

_LONGEST = 10  # units that took longer than expected
_ENDS = 10  # units shown at either end of a long path
_HELD = {
    "work": "work",
    "canaries": "canaries, for which the others waited",
    "max_in_flight": "others' turns under max_in_flight",
    "watch": "lower bounds of watch times",
    "idle": "nothing done",
}


def show(session: Session, task: int) -> None:
    """Fetches the report and shows it as tables."""
    try:
        found = session.director().get(f"/tasks/{task}/report")
    except ApiError as error:
        if error.status == 404 and error.code == 0:
            raise CliError("This director makes no reports.", "See its task: --debug.") from error
        raise
    if not is_hash(found):
        raise CliError(f"The director's report on task {task} is not an object.")
    path = _hash(found.get("critical_path"))
    screen = session.screen
    screen.line(_summary(found))
    stages = hashes(found.get("stages"))
    screen.table(Table("stages", ["Stage", "Units", "Expected", "Actual"], [_stage(one) for one in stages]))
    late = _late(stages)
    if late:
        screen.table(Table("units over what was expected", ["Unit", "Stage", "Expected", "Actual", "Tries"], late))
    screen.table(Table("units on the critical path", ["Begin", "Stage", "Unit", "Took", "Of It"], _path(path)))
    spent = _hash(path.get("held"))
    shares: list[list[Cell]] = [
        [words, span(spent.get(key))] for key, words in _HELD.items() if positive(spent.get(key))
    ]
    screen.table(Table("parts of the critical path", ["Part", "Time"], shares))
    kinds = [[text(one.get("kind")), span(one.get("seconds"))] for one in hashes(path.get("by_kind"))]
    screen.table(Table("kinds of work on it", ["Kind", "Time"], [one for one in kinds if one[1] != "0.0 s"][:_ENDS]))
    saved = [[text(one.get("change")), span(one.get("seconds"))] for one in hashes(found.get("savings"))]
    screen.table(Table("changes that would have saved most", ["Change", "Saves"], saved))


def _summary(found: Hash) -> str:
    planned = _hash(found.get("planned"))
    parts = [
        f"Task {text(found.get('task'))} {text(found.get('state'))}: {span(found.get('actual'))}",
        _expected(planned),
    ]
    if positive(found.get("preparing")):
        parts.append(f"preparing before it {span(found.get('preparing'))}")
    retries = found.get("retries")
    if isinstance(retries, int) and retries:
        parts.append(f"{retries} {'steps were' if retries > 1 else 'step was'} tried again")
    settled = strings(found.get("settled"))
    if settled:
        parts.append(f"settled after an interruption: {', '.join(settled)}")
    return "; ".join(parts)


def _expected(planned: Hash) -> str:
    seconds = planned.get("seconds")
    if seconds is None:
        return "how long it would take was not known"
    return f"expected {'' if planned.get('whole') else 'at least '}{span(seconds)}"


def _stage(stage: Hash) -> list[Cell]:
    units = hashes(stage.get("units"))
    return [
        _title(stage),
        str(len(units)),
        _guess(stage.get("planned"), whole=bool(stage.get("whole"))),
        span(stage.get("actual")),
    ]


def _title(stage: Hash) -> str:
    return " ".join([text(stage.get("title")), *strings(stage.get("tags"))])


def _guess(seconds: Value, *, whole: bool) -> str:
    told = span(seconds)
    return told if whole or not told else f"≥ {told}"


def _late(stages: list[Hash]) -> list[list[Cell]]:
    """Units whose expectation was whole and that took longer, by how much longer."""
    found: list[tuple[float, list[Cell]]] = []
    for stage in stages:
        for unit in hashes(stage.get("units")):
            planned, actual = _hash(unit.get("planned")), unit.get("actual")
            seconds = planned.get("seconds")
            if not planned.get("whole") or not isinstance(actual, float) or not isinstance(seconds, float):
                continue
            late = actual - seconds
            if late > max(0.5, seconds / 10):
                cells: list[Cell] = [
                    text(unit.get("title")),
                    _title(stage),
                    span(seconds),
                    span(actual),
                    text(unit.get("tries")),
                ]
                found.append((late, cells))
    return [cells for _, cells in sorted(found, key=lambda one: -one[0])[:_LONGEST]]


def _path(path: Hash) -> list[list[Cell]]:
    units = hashes(path.get("units"))
    rows = [_link(one) for one in units]
    if len(rows) <= 2 * _ENDS + 1:
        return rows
    left_out: list[Cell] = ["…", f"{len(rows) - 2 * _ENDS} more", "", "", ""]
    return [*rows[:_ENDS], left_out, *rows[-_ENDS:]]


def _link(one: Hash) -> list[Cell]:
    steps = sorted(hashes(one.get("steps")), key=_seconds, reverse=True)
    told = [
        f"{text(step.get('title'))} {span(step.get('seconds'))}" for step in steps[:3] if positive(step.get("seconds"))
    ]
    return [
        span(one.get("begin")),
        text(one.get("stage")),
        text(one.get("unit")),
        span(one.get("seconds")),
        ", ".join(told),
    ]


def _seconds(step: Hash) -> float:
    seconds = step.get("seconds")
    return seconds if isinstance(seconds, float) else 0.0


def _hash(value: Value) -> Hash:
    return value if is_hash(value) else {}
