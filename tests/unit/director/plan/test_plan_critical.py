"""Critical paths and what would have saved most, of plans carried out on paper."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings

from director.model.plan import Plan, Stage, Step, Unit
from director.plan.critical import Link, Timing, by_kind, critical_path, held
from director.plan.forecast import seconds_of
from director.plan.simulate import simulate, wall
from director.plan.whatif import savings
from tests.unit.director.plan.test_plan_forecast import plans

BEGIN = 1_700_000_000.0


def carried_out(plan: Plan, idle: float = 0.0) -> dict[str, Timing]:
    """The times of steps, as a journal would tell them; ``idle`` seconds before each step."""

    def cost(step: Step) -> float:
        return seconds_of(step) + idle

    times: dict[str, Timing] = {}
    for (stage_id, unit_id), span in simulate(plan, cost).items():
        stage = next(one for one in plan.stages if one.id == stage_id)
        now = BEGIN + span.begin
        for step in next(one for one in stage.units if one.id == unit_id).steps:
            times[step.id] = Timing(now + idle, now + cost(step))
            now += cost(step)
    return times


def on(path: list[Link]) -> list[Step]:
    return [step for link in path for step, _ in link.steps]


@settings(max_examples=100, deadline=None)
@given(plans())
def test_the_path_of_a_simulated_run_is_as_long_as_the_run(plan: Plan) -> None:
    path = critical_path(plan, carried_out(plan), BEGIN)
    took = wall(simulate(plan, seconds_of))
    assert sum(link.work + link.waits for link in path) == took
    assert sum(link.idle for link in path) == 0
    assert sum(by_kind(path).values()) == took
    found = held(path)
    assert found.watch + found.canaries + found.max_in_flight + found.work == took
    for before, after in pairwise(path):
        assert before.end == after.begin


@settings(max_examples=60, deadline=None)
@given(plans())
def test_idle_times_are_told_apart(plan: Plan) -> None:
    times = carried_out(plan, idle=0.25)
    path = critical_path(plan, times, BEGIN)
    last = max((one.end for one in times.values()), default=BEGIN)
    assert sum(link.work + link.waits + link.idle for link in path) == pytest.approx(last - BEGIN, abs=1e-5)
    assert sum(link.work + link.waits for link in path) == pytest.approx(sum(map(seconds_of, on(path))), abs=1e-5)
    assert all(link.idle >= 0 for link in path)


def step(id: str, seconds: float, kind: str = "start", **args: int) -> Step:
    return Step(id=id, kind=kind, title=kind, args=dict(args), seconds=seconds)


def rolling(*, canary: bool = True, instances: int = 5, width: int = 1) -> Plan:
    """Group db (one instance, 10 s), then web: per instance 4 s of start, 2 s of watch with a lower bound of 1 s."""

    def unit(number: int, *, first: bool = False) -> Unit:
        watch = step(f"w{number}", 2.0, "watch", low=1000, high=9000)
        task = f"web/i{number} ({number})" + (" (canary)" if first else "")
        return Unit(f"i{number}", task, (step(f"s{number}", 4.0), watch))

    stages = [
        Stage("update/db/0", "Updating instance", (Unit("d", "db/d (0)", (step("d", 10.0, "drain"),)),), tags=("db",))
    ]
    needs = ("update/db/0",)
    if canary:
        stages.append(Stage("update/web/0", "Updating instance", (unit(0, first=True),), 1, needs, ("web",)))
        needs = ("update/web/0",)
    units = tuple(unit(number) for number in range(1 if canary else 0, instances))
    stages.append(Stage("update/web/1", "Updating instance", units, width, needs, ("web",)))
    stages.append(
        Stage("save", "Recording deployment", (Unit("save", "d", (step("save", 0.0),)),), needs=("update/web/1",))
    )
    return Plan("d", tuple(stages))


def test_what_stands_in_line_is_told_by_its_policy() -> None:
    plan = rolling()
    path = critical_path(plan, carried_out(plan), BEGIN)
    assert [link.released_by for link in path] == ["start", "stage", "stage", "slot", "slot", "slot", "stage"]
    found = held(path)
    assert (found.watch, found.canaries, found.max_in_flight) == (5, 5, 15)
    assert found.work == 10 + 5
    assert by_kind(path) == {"start": 20, "drain": 10, "watch": 5}


def test_a_slot_is_only_waited_for_where_the_stage_is_full() -> None:
    plan = rolling(width=4)
    path = critical_path(plan, carried_out(plan), BEGIN)
    assert [link.released_by for link in path] == ["start", "stage", "stage", "stage"]
    assert held(path).max_in_flight == 0


def saved(plan: Plan, *kinds: str) -> dict[str, float]:
    seconds = {step.id: seconds_of(step) for stage in plan.stages for unit in stage.units for step in unit.steps}
    return {one.change: one.seconds for one in savings(plan, seconds, kinds, most=20)}


def test_each_change_is_worth_what_a_run_with_it_would_save() -> None:
    assert saved(rolling(), "drain", "start") == {
        "max_in_flight of web doubled (1 → 2)": 12,
        "groups updated side by side (serial: false)": 10,
        "start in half the time": 10,
        "drain in half the time": 5,
        "no lower bounds of watch times": 5,
    }
    # a canary costs nothing where one goes after the other anyway
    wide = saved(rolling(width=4))
    assert wide == {
        "groups updated side by side (serial: false)": 10,
        "no lower bounds of watch times": 2,
    }
    assert saved(rolling(width=5, instances=5))["no canaries of web"] == 6
    assert "max_in_flight of web doubled (5 → 10)" not in saved(rolling(width=5))


def test_a_group_alone_has_nothing_to_be_side_by_side_with() -> None:
    plan = rolling(canary=False)
    plan = Plan("d", (Stage("update/web/1", "t", plan.stages[1].units, 1, (), ("web",)),))
    assert set(saved(plan)) == {"max_in_flight of web doubled (1 → 2)", "no lower bounds of watch times"}


def test_a_plan_of_which_nothing_was_done_has_no_path() -> None:
    assert critical_path(rolling(), {}, BEGIN) == []
    assert savings(Plan("d", ()), {}, ()) == []
