"""Dry runs, sealed plans and their application, as the command line asks a director for them."""

from __future__ import annotations

import io
import json
import stat
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.contract.cli.test_cli_deploy import PLAN, ready

SEALED = {
    "meristem_plan": 1,
    "deployment": "demo",
    "made_at": "2026-01-31T12:00:00Z",
    "made_by": "olga",
    "request": {"manifest": "name: demo\n"},
    "seal": {"seed": "s", "inputs": {}, "steps": {}, "made_at": 1.5},
    "plan": PLAN,
    "mac": "m",
}


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "demo.yml"
    path.write_text("name: demo\nreleases:\n- {name: r, version: '1', url: https://127.0.0.1:1/r.tgz}\n")
    return path


@pytest.fixture
def sealing(world: Any) -> Any:
    ready(world, plan=SEALED)
    world.replies["POST /deployments/demo/apply"] = world.task()
    return world


def changed(world: Any) -> list[str]:
    """Requests that could change something."""
    asks = ("/diff", "/plan")
    return [one.path for one in world.requests if one.method != "GET" and not one.path.endswith(asks)]


def test_a_dry_run_asks_for_a_plan_and_nothing_else(sealing: Any, run: Any, manifest: Path) -> None:
    ran = run("-d", "demo", "deploy", str(manifest), "--dry-run", "--canaries", "2", "--tty", "--no-color")
    assert ran.code == 0, ran.err
    assert "+   vm_type: large" in ran.out
    assert "recreate the VM  because vm_type: default -> large" in ran.out
    assert "Dry run: nothing was changed." in ran.out
    assert changed(sealing) == []
    (asked,) = sealing.sent("POST", "/deployments/demo/plan")
    assert asked.query == {"seal": "true", "dry_run": "true", "canaries": "2"}


def test_a_dry_run_at_a_stock_director_is_a_task(world: Any, run: Any, manifest: Path) -> None:
    ready(world, plan=None)
    assert run("-d", "demo", "deploy", str(manifest), "--dry-run", "-n").code == 0
    assert world.sent("POST", "/deployments")[0].query["dry_run"] == "true"


def test_a_sealed_plan_goes_to_a_file_of_its_owner(sealing: Any, run: Any, manifest: Path, tmp_path: Path) -> None:
    place = tmp_path / "plan.json"
    words = ["-d", "demo", "deploy", str(manifest), "--plan-only", "--plan-file", str(place)]
    ran = run(*words, "--tty", "--no-color")
    assert ran.code == 0, ran.err
    assert f"Carry it out: meristem apply {place}" in ran.out
    assert "Plan:" in ran.out
    assert json.loads(place.read_text()) == SEALED
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert changed(sealing) == []


def test_without_a_file_only_the_document_is_written(sealing: Any, run: Any, manifest: Path) -> None:
    ran = run("-d", "demo", "deploy", str(manifest), "--plan-only")
    assert ran.code == 0, ran.err
    assert ran.json == SEALED


def test_a_plan_file_without_plan_only_and_a_stock_director_are_told(world: Any, run: Any, manifest: Path) -> None:
    ready(world, plan=None)
    ran = run("-d", "demo", "deploy", str(manifest), "--plan-file", "x.json")
    assert (ran.code, "Give --plan-only too" in ran.err) == (1, True)
    ran = run("-d", "demo", "deploy", str(manifest), "--plan-only")
    assert (ran.code, "makes no sealed plans" in ran.err) == (1, True)
    assert changed(world) == []


def test_apply_shows_asks_and_follows(sealing: Any, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "plan.json"
    place.write_text(json.dumps(SEALED))
    monkeypatch.setattr(sys, "stdin", io.StringIO("no\n"))
    assert run("apply", str(place)).code == 1
    assert changed(sealing) == []
    ran = run("apply", str(place), "-n", "--tty", "--no-color")
    assert ran.code == 0, ran.err
    assert "Sealed 2026-01-31T12:00:00Z by olga" in ran.out
    assert "recreate the VM  because vm_type" in ran.out
    assert "Task 2 done" in ran.out
    (sent,) = sealing.sent("POST", "/deployments/demo/apply")
    assert sent.json == SEALED


def test_what_is_no_plan_of_this_deployment_is_told(sealing: Any, run: Any, tmp_path: Path) -> None:
    place = tmp_path / "plan.json"
    place.write_text(json.dumps(SEALED))
    ran = run("-d", "other", "apply", str(place), "-n")
    assert "of deployment 'demo', not of 'other'" in ran.err
    for wrong in ("{", "[]", "{}"):
        place.write_text(wrong)
        ran = run("apply", str(place), "-n")
        assert (ran.code, "is no sealed plan" in ran.err) == (1, True)
    assert changed(sealing) == []
