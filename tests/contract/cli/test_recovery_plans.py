"""create-recovery-plan asks once for each group and type of problem; recover sends what was answered. The health view tells what it was told."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
import yaml

WAYS = [
    {"name": "ignore", "plan": "Skip for now"},
    {"name": "recreate_vm", "plan": "Recreate VM and wait for processes to start"},
]


def problem(id: int, group: str, kind: str = "missing_vm") -> dict[str, Any]:
    text = f"VM for '{group}/{id} ({id})' missing."
    return {"id": id, "type": kind, "data": {}, "description": text, "resolutions": WAYS, "instance_group": group}


@pytest.fixture
def broken(world: Any) -> Any:
    base = "/deployments/demo"
    world.replies[f"POST {base}/scans"] = world.task()
    world.replies[f"GET {base}/problems"] = [problem(1, "web"), problem(2, "web"), problem(3, "db")]
    world.replies[f"PUT {base}/problems"] = world.task()
    return world


def test_a_plan_is_written_and_carried_out(broken: Any, run: Any, tmp_path: Path, monkeypatch: Any) -> None:
    path = tmp_path / "plan.yml"
    monkeypatch.setattr("sys.stdin", io.StringIO("1\n\n2\n50%\n"))
    ran = run("-d", "demo", "create-recovery-plan", str(path))
    assert ran.code == 0, ran.err
    assert yaml.safe_load(path.read_text()) == {
        "instance_groups_plan": [
            {"name": "db", "planned_resolutions": {"missing_vm": "ignore"}},
            {"name": "web", "max_in_flight_override": "50%", "planned_resolutions": {"missing_vm": "recreate_vm"}},
        ]
    }
    ran = run("-d", "demo", "-n", "recover", str(path))
    assert ran.code == 0, ran.err
    assert "Recreate VM and wait for processes to start" in ran.out
    (sent,) = broken.sent("PUT", "/deployments/demo/problems")
    assert sent.json == {
        "resolutions": {"1": "recreate_vm", "2": "recreate_vm", "3": "ignore"},
        "max_in_flight_overrides": {"web": "50%"},
    }


def test_a_file_that_is_no_plan(broken: Any, run: Any, tmp_path: Path) -> None:
    for text in ("name: demo\n", ": ["):
        (tmp_path / "plan.yml").write_text(text)
        ran = run("-d", "demo", "-n", "recover", str(tmp_path / "plan.yml"))
        assert ran.code == 1
        assert "create-recovery-plan" in ran.err
    assert not broken.requests or not broken.sent("POST", "/deployments/demo/scans")


def test_health(world: Any, run: Any) -> None:
    row = {
        "name": "demo",
        "instances": 3,
        "silent": ["web/1"],
        "repairs_last_hour": 1,
        "repairs_allowed": 20,
        "left_alone_because": "resurrection is paused",
    }
    world.replies["GET /health"] = {
        "enabled": True,
        "looking": True,
        "bus": True,
        "paused": True,
        "repairs_last_hour": 1,
        "repairs_allowed": 60,
        "deployments": [row],
    }
    ran = run("health", "--json")
    (table,) = ran.json["Tables"]
    assert table["Rows"][0]["silent"] == "web/1"
    assert "Resurrection is paused for all deployments." in table["Notes"]
