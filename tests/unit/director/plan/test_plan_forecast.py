"""Durations, simulation and forecast over random plans."""

from __future__ import annotations

import heapq
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from director.engine.order import Order, Work
from director.model.durations import DurationRow
from director.model.errors import BadRequest
from director.model.paths import costs
from director.model.plan import Plan, Stage, Step, Unit
from director.plan.durations import KEPT, Sample, expected, fold, outdated, samples
from director.plan.forecast import forecast, seconds_of
from director.plan.simulate import Key, Span, simulate


def step(id: str, kind: str = "drain", seconds: float | None = None, **args: Any) -> Step:
    return Step(id=id, kind=kind, title=kind, args=args, seconds=seconds)


def unit(id: str, *steps: Step, needs: tuple[str, ...] = (), task: str = "") -> Unit:
    return Unit(id=id, task=task or f"web/{id} (0)", steps=steps, needs=needs)


@st.composite
def plans(draw: st.DrawFn, *, gaps: bool = False, instant: bool = True) -> Plan:
    """Up to five stages of up to six units of up to three steps; needs point backwards. Seconds are eighths, so that sums are exact."""
    seconds = st.integers(0 if instant else 1, 40).map(lambda one: one / 8)
    stages: list[Stage] = []
    for number in range(draw(st.integers(0, 5))):
        units: list[Unit] = []
        for index in range(draw(st.integers(0 if instant else 1, 6))):
            steps = tuple(
                step(f"s{number}/{index}/{each}", seconds=draw(st.none() | seconds if gaps else seconds))
                for each in range(draw(st.integers(0 if instant else 1, 3)))
            )
            needs = draw(st.sets(st.integers(0, index - 1), max_size=2)) if index else set()
            units.append(unit(f"u{index}", *steps, needs=tuple(f"u{one}" for one in sorted(needs))))
        needed = draw(st.sets(st.integers(0, number - 1), max_size=2)) if number else set()
        width = draw(st.integers(1, 4))
        stages.append(Stage(f"s{number}", "t", tuple(units), width, tuple(f"s{one}" for one in sorted(needed))))
    return Plan("d", tuple(stages))


def by_engine(plan: Plan) -> dict[Key, Span]:
    """What the engine's own order makes of it: at each end, ask who may start."""
    order, now = Order(plan), 0.0
    running: set[Work] = set()
    ends: list[tuple[float, int, Work]] = []
    spans: dict[Key, Span] = {}
    number = 0
    while True:
        for work in order.ready(running):
            running.add(work)
            number += 1
            spans[work.stage.id, work.unit.id] = Span(now, now + sum(map(seconds_of, work.unit.steps)))
            heapq.heappush(ends, (spans[work.stage.id, work.unit.id].end, number, work))
        if not ends:
            return spans
        now = ends[0][0]
        while ends and ends[0][0] == now:
            _, _, work = heapq.heappop(ends)
            running.discard(work)
            work.done = len(work.unit.steps)


def longest_chain(plan: Plan) -> float:
    """Through needs of stages and of units, as if every width were endless."""
    ends: dict[str, float] = {}
    for stage in plan.stages:
        begin = max((ends[one] for one in stage.needs), default=0.0)
        inner: dict[str, float] = {}
        for one in stage.units:
            start = max((inner[need] for need in one.needs), default=begin)
            inner[one.id] = start + sum(map(seconds_of, one.steps))
        ends[stage.id] = max(inner.values(), default=begin)
    return max(ends.values(), default=0.0)


@settings(max_examples=80, deadline=None)
@given(plans())
def test_a_forecast_lies_between_the_longest_chain_and_the_sum_of_all(plan: Plan) -> None:
    found = forecast(plan)
    total = sum(seconds_of(step) for stage in plan.stages for unit in stage.units for step in unit.steps)
    assert found.seconds is not None
    assert longest_chain(plan) <= found.seconds <= total
    assert found.whole


@settings(max_examples=80, deadline=None)
@given(plans())
def test_the_simulation_keeps_widths_and_needs(plan: Plan) -> None:
    spans = simulate(plan, seconds_of)
    ends = {stage.id: [spans[stage.id, one.id].end for one in stage.units] for stage in plan.stages}
    for stage in plan.stages:
        edges = sorted(
            edge
            for one in stage.units
            if (span := spans[stage.id, one.id]).seconds
            for edge in ((span.begin, 1), (span.end, -1))
        )
        at_once = 0
        for _, change in edges:
            at_once += change
            assert at_once <= stage.width
        for one in stage.units:
            begin = spans[stage.id, one.id].begin
            assert all(spans[stage.id, need].end <= begin for need in one.needs)
            assert all(end <= begin for need in stage.needs for end in ends[need])


@settings(max_examples=80, deadline=None)
@given(plans(instant=False))
def test_the_simulation_does_as_the_engine_does(plan: Plan) -> None:
    assert simulate(plan, seconds_of, costs(plan)) == by_engine(plan)


@settings(max_examples=50, deadline=None)
@given(plans(gaps=True))
def test_what_is_not_known_is_told(plan: Plan) -> None:
    found = forecast(plan)
    steps = [step for stage in plan.stages for unit in stage.units for step in unit.steps]
    missing = [one for one in steps if one.seconds is None]
    assert found.whole == (not missing)
    assert found.timed == len(steps) - len(missing)
    assert (found.seconds is None) == bool(missing and len(missing) == len(steps))
    assert found.unknown == (("drain",) if missing else ())


def wave(high: float | None, units: int = 50) -> Plan:
    """So many units at once, each of one step of ten seconds."""
    made = [unit(f"u{n}", Step(f"s{n}", "drain", "drain", seconds=10.0, high=high)) for n in range(units)]
    return Plan("d", (Stage("update/web/0", "t", tuple(made), units),))


def test_the_slowest_of_many_takes_longer_than_the_mean() -> None:
    for high in (None, 5.0, 10.0):
        assert forecast(wave(high)).likely == 10
    few, many = forecast(wave(15.0, 2)).likely, forecast(wave(15.0)).likely
    assert few is not None and many is not None
    assert 10 < few < many < 60
    assert forecast(wave(15.0)).likely == many, "the same each time"
    assert forecast(wave(1e9)).likely is not None
    assert forecast(wave(15.0)).seconds == 10


def test_needs_in_a_circle_are_refused() -> None:
    units = (unit("a", step("1"), needs=("b",)), unit("b", step("2"), needs=("a",)))
    with pytest.raises(BadRequest, match="circle"):
        simulate(Plan("d", (Stage("s", "t", units),)), seconds_of)


def web(*kinds: str, low: int | None = 2000) -> Plan:
    """One unit of group ``web`` on CPI ``c``."""
    steps = [step("0", "begin_instance", spec={"vm": {"cpi": "c"}})]
    for number, kind in enumerate(kinds, 1):
        args = {"watch": {"low": low, "high": 9000}, "compile_package": {"release": "r", "name": "q"}}.get(kind, {})
        steps.append(step(str(number), kind, **args))
    return Plan("d", (Stage("update/web/0", "Updating instance", (unit("i-1", *steps),), tags=("web",)),))


def test_durations_are_folded_by_subject_and_by_kind_without_the_watch_time() -> None:
    plan = web("stop", "start", "watch")
    found = samples(plan, {"0": 0.5, "1": 3.0, "3": 2.5})
    assert found == [Sample("stop", "c", "d/web", 3.0), Sample("watch", "c", "d/web", 0.5)]
    rows = {one.key: one for one in fold(found, {}, 100)}
    assert set(rows) == {f"{kind}/{place}" for kind in ("stop", "watch") for place in ("c/d/web", "c/*", "*/*")}
    again = {one.key: one for one in fold([Sample("stop", "c", "d/web", 5.0)], rows, 200)}
    moved = again["stop/c/d/web"]
    assert (moved.count, moved.mean, moved.updated_at) == (2, 4.0, 200)
    assert 4.0 <= moved.high <= 5.0


def test_old_durations_hardly_count_against_new_ones() -> None:
    row = DurationRow(kind="stop", cpi="", subject="d/web", count=100_000, mean=1.0, high=1.0)
    (moved, *_) = [
        one for one in fold([Sample("stop", "", "d/web", 11.0)] * 50, {row.key: row}, 1) if one.key == row.key
    ]
    assert moved.mean == pytest.approx(6.0)


def test_expectations_come_from_the_nearest_that_is_known() -> None:
    plan = web("stop", "start", "watch", "compile_package")  # of package q
    rows = fold([Sample("stop", "c", "d/web", 3.0), Sample("start", "c", "other/db", 7.0)], {}, 0)
    rows += fold([Sample("watch", "elsewhere", "d/db", 0.5), Sample("compile_package", "c", "r/p", 9.0)], {}, 0)
    told = [(one.seconds, one.high) for one in expected(plan, rows).stages[0].units[0].steps]
    assert told == [(0.0, 0.0), (3.0, 3.0), (7.0, 7.0), (2.5, 2.5), (None, None)]


def test_downtime_is_from_drain_to_running_and_the_watch_is_told_apart() -> None:
    rows = fold(
        [Sample(kind, "c", "d/web", 1.0) for kind in ("prepare", "drain", "stop", "apply", "start", "watch")], {}, 0
    )
    plan = expected(web("prepare", "drain", "stop", "apply", "start", "watch", "run_script"), rows)
    found = forecast(plan)
    (down,) = found.downtime.values()
    assert (down.seconds, down.whole, down.waits) == (7.0, True, 2.0)
    assert (found.seconds, found.whole, found.unknown) == (8.0, False, ("run_script",))
    assert found.waits == 2.0
    assert not forecast(expected(web("stop"), rows)).downtime
    assert not forecast(expected(web("create_vm", "start"), rows)).downtime
    swapped = forecast(expected(web("create_vm", "stop", "delete_vm", "start"), rows)).downtime
    assert [(one.seconds, one.whole) for one in swapped.values()] == [(2.0, False)]


def test_rows_that_have_not_moved_for_long_go() -> None:
    rows = [DurationRow(kind="k", cpi="", subject=str(n), count=1, mean=1, high=1, updated_at=n) for n in range(3)]
    assert outdated(rows, 1 + KEPT) == ["k//0"]
    many = [DurationRow(kind="k", cpi="", subject=str(n), count=1, mean=1, high=1, updated_at=n) for n in range(4001)]
    assert outdated(many, 4001) == ["k//0"]
