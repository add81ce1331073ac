"""The bench measures: small deploys, the shapes of its answers, no times."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.graph import lower_bound, stage_bound, without_delay
from director.model.plan import Plan, Stage, Step, Unit
from tests.programs import need

REPOSITORY = Path(__file__).resolve().parents[3]


def quick(*names: str) -> list[dict[str, Any]]:
    """What was measured, by these names."""
    need("nats-server", "ruby")
    words = [sys.executable, "-m", "bench", "--quick", *names]
    done = subprocess.run(words, cwd=REPOSITORY, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-4000:]
    measured = json.loads(done.stdout)["measured"]
    assert sorted(measured) == sorted(names)
    return [measured[name][0] for name in names]


def test_it_measures_what_size_costs() -> None:
    no_op, heartbeats, api = quick("no_op", "heartbeats", "api")
    assert (no_op["cpi_calls"], no_op["agent_calls"]) == (0, 0)
    assert 0 < no_op["task_seconds"] < no_op["asked_seconds"] and no_op["cli_seconds"] > 0
    assert heartbeats["sent"] > heartbeats["agents"] and heartbeats["core"] > 0
    assert heartbeats["detected"] <= heartbeats["silent"] == 2
    assert api["idle"]["failed"] == api["beside_deploy"]["failed"] == 0, api
    assert api["beside_deploy"]["calls"] > 0 and set(api["beside_deploy"]["by_call"]) == set(api["idle"]["by_call"])
    assert 0 < api["beside_deploy"]["p50"] <= api["beside_deploy"]["p99"]


def test_it_measures_and_leaves_nothing_behind() -> None:
    stretch, limits, hundred, warm, tax = quick("stretch", "limits", "hundred_creates", "warm_calls", "crash_tax")
    for kind in ("create", "rolling_update"):
        deploy = stretch[kind]
        assert deploy["wall"] > deploy["without_delay"] >= deploy["critical_path"] > 0
        assert set(deploy["processor"]) >= {"director", "worker", "agents", "bus"}
    assert limits["calls"] >= limits["instances"]
    assert limits["use"] > 0 and 0 < limits["use_after_halving"] <= 3
    assert limits["learned"][0]["learned"]
    assert hundred["calls"] >= hundred["instances"] and hundred["use"] > 0
    assert 0 < warm["warm"]["median"] < warm["process_per_call"]["median"]
    assert tax["accepting"]["calls"] >= 2 * tax["instances"]
    assert tax["accepting"]["orphans"] == 0


def test_it_measures_the_router_beside_a_plain_nginx() -> None:
    need("nginx", "wrk")
    (router,) = quick("router")
    assert router["failed"] == 0
    assert router["router"]["per_second"] > 0 < router["plain"]["per_second"]
    assert len(router["ratios"]) == 1


def plan(*stages: tuple[str, int, list[int], tuple[str, ...]]) -> Plan:
    """Stages as (id, width, seconds of each unit's only step, needs)."""
    return Plan(
        "web",
        tuple(
            Stage(
                id,
                id,
                tuple(
                    Unit(f"{id}{n}", "", (Step(f"{id}{n}", "k", "", {"seconds": seconds}),))
                    for n, seconds in enumerate(units)
                ),
                width,
                needs,
            )
            for id, width, units, needs in stages
        ),
    )


@pytest.mark.parametrize(
    ("stages", "least", "attained"),
    [
        ([("a", 2, [3, 3, 3], ())], 6.0, 6.0),  # two places: one has two of them
        ([("a", 2, [1, 1, 4], ())], 4.0, 5.0),  # knowing the times, the long one would begin first
        ([("a", 9, [1, 2], ()), ("b", 9, [5], ()), ("c", 1, [1, 1], ("a", "b"))], 7.0, 7.0),
    ],
)
def test_the_least_time_of_a_plan(
    stages: list[tuple[str, int, list[int], tuple[str, ...]]], least: float, attained: float
) -> None:
    made = plan(*stages)
    assert lower_bound(made, lambda step: step.args["seconds"]) == least
    assert without_delay(made, lambda step: step.args["seconds"]) == attained
    assert stage_bound(made.stages[0], lambda step: 0.0) == 0.0
