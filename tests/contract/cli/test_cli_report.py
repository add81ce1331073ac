"""How the command line tells forecasts and reports."""

from __future__ import annotations

from typing import Any

import pytest

from meristem.cli.forecast_view import lines
from meristem.cli.spans import span

REPORT = {
    "task": 7,
    "state": "done",
    "planned": {"seconds": 40.0, "whole": True, "unknown": []},
    "actual": 75.25,
    "preparing": 1.5,
    "retries": 1,
    "settled": ["create VM for web/a"],
    "stages": [
        {
            "title": "Updating instance",
            "tags": ["web"],
            "width": 1,
            "planned": 40.0,
            "whole": True,
            "actual": 75.25,
            "units": [
                {"title": f"web/{n} ({n})", "planned": {"seconds": 1.5, "whole": True}, "actual": 3.0, "tries": 1}
                for n in range(25)
            ],
        }
    ],
    "critical_path": {
        "seconds": 75.25,
        "held": {"watch": 25.0, "canaries": 0.0, "max_in_flight": 48.0, "work": 2.0, "idle": 0.25},
        "by_kind": [{"kind": "start", "seconds": 45.0}, {"kind": "apply", "seconds": 0.001}],
        "units": [
            {
                "stage": "Updating instance web",
                "unit": f"web/{n} ({n})",
                "begin": 3.0 * n,
                "seconds": 3.0,
                "steps": [{"title": "record", "seconds": 0.01}, {"title": "start the jobs", "seconds": 2.0}],
            }
            for n in range(25)
        ],
    },
    "savings": [{"change": "max_in_flight of web doubled (1 → 2)", "seconds": 36.0}],
}


def test_a_report_in_tables(world: Any, run: Any) -> None:
    task = world.task()
    world.replies[f"GET /tasks/{task.id}/report"] = REPORT
    ran = run("task", str(task.id), "--report", "--tty", "--no-color")
    assert ran.code == 0, ran.err
    for line in (
        "Task 7 done: 1 min 15 s; expected 40 s; preparing before it 1.5 s; 1 step was tried again; "
        "settled after an interruption: create VM for web/a",
        "5 more",
        "start the jobs 2.0 s",
        "lower bounds of watch times",
        "max_in_flight of web doubled (1 → 2)",
    ):
        assert line in ran.out, (line, ran.out)
    assert "record" not in ran.out
    assert "apply" not in ran.out
    tables = run("task", str(task.id), "--report", "--json").json["Tables"]
    assert tables[-1]["Rows"] == [{"change": "max_in_flight of web doubled (1 → 2)", "saves": "36 s"}]
    assert len(tables[1]["Rows"]) == 10


def test_a_stock_director_makes_no_reports(world: Any, run: Any) -> None:
    task = world.task()
    world.replies[f"GET /tasks/{task.id}/report"] = None
    ran = run("task", str(task.id), "--report")
    assert (ran.code, "makes no reports" in ran.err) == (1, True)


@pytest.mark.parametrize(
    ("forecast", "told"),
    [
        ({"steps": 0, "timed": 0, "seconds": 0, "whole": True}, []),
        (
            {"steps": 3, "timed": 0, "seconds": None, "whole": False, "unknown": ["create_vm", "start"]},
            ["Expected duration: unknown, as no such step has been timed yet (create_vm, start)"],
        ),
        (
            {"steps": 3, "timed": 2, "seconds": 90.4, "whole": False, "waits": 30.0, "unknown": ["drain"]},
            [
                "Expected duration: at least 1 min 30 s, 30 s of it for watch times "
                "(1 of 3 steps have never been timed: drain)"
            ],
        ),
        (
            {
                "steps": 3,
                "timed": 3,
                "seconds": 4000.0,
                "likely": 4700.0,
                "whole": True,
                "waits": 0.0,
                "down_for_good": 2,
                "downtime": [
                    {"group": "web", "instances": 3, "seconds": 14.0, "longest": 21.0, "whole": True},
                    {"group": "db", "instances": 1, "seconds": 5.0, "longest": 5.0, "whole": False},
                    {"group": "q", "instances": 2, "seconds": 0.0, "longest": 0.0, "whole": False},
                ],
            },
            [
                "Expected duration: about 1 h 7 min, likely below 1 h 18 min",
                "Downtime of web: 3 instances, about 14 s, at most 21 s each",
                "Downtime of db: at least 5.0 s",
                "Downtime of q: 2 instances, unknown",
                "Stopped or deleted: 2 instances",
            ],
        ),
    ],
)
def test_a_forecast_in_words(forecast: dict[str, Any], told: list[str]) -> None:
    assert lines(forecast) == told


def test_spans() -> None:
    assert [span(one) for one in (0, 0.44, 9.96, 59.4, 60, 3599.9, 7380, None, True)] == [
        "0.0 s",
        "0.4 s",
        "10 s",
        "59 s",
        "1 min",
        "1 h",
        "2 h 3 min",
        "",
        "",
    ]
