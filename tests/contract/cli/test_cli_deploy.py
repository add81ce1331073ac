from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

PLAN = {
    "stages": [
        {
            "title": "Update group web",
            "width": 2,
            "units": [
                {
                    "title": "web/0",
                    "steps": [
                        {
                            "kind": "recreate_vm",
                            "title": "recreate the VM",
                            "causes": [{"field": "vm_type", "old": "default", "new": "large"}],
                        },
                        {
                            "kind": "apply",
                            "title": "apply the spec",
                            "causes": [
                                {"field": "restart", "old": None, "new": None},
                                {"field": "web.properties.word", "old": "<redacted>", "new": "<redacted>"},
                            ],
                        },
                    ],
                }
            ],
        }
    ],
    "summary": {"create": 0, "update": 1, "recreate": 1, "delete": 0, "unchanged": 3},
}
CONTEXT = {"cloud_config_ids": ["1"], "runtime_config_ids": []}


def event(state: str, task: str, time: int = 1700000000, **more: Any) -> dict[str, Any]:
    base = {"time": time, "stage": "Updating instance", "tags": ["web"], "total": 1, "task": task, "index": 1}
    return {**base, "state": state, "progress": 0, **more}


EVENTS = [
    event("started", "web/a (0) (canary)"),
    event("in_progress", "web/a (0) (canary)", 1700000001, data={"status": "executing drain"}),
    event("finished", "web/a (0) (canary)", 1700000065),
]


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    path = tmp_path / "demo.yml"
    path.write_text("# comment kept\nname: demo\ninstance_groups:\n- name: web\n  instances: 1\n")
    return path


def ready(world, *events: dict[str, Any], plan: Any = PLAN, **attributes: Any) -> None:
    world.replies["GET /configs"] = []
    world.replies["POST /deployments/demo/diff"] = {
        "context": CONTEXT,
        "diff": [["instance_groups:", None], ["  vm_type: default", "removed"], ["  vm_type: large", "added"]],
    }
    world.replies["POST /deployments/demo/plan"] = plan
    world.replies["POST /deployments"] = world.task(*(events or EVENTS), **attributes)


@pytest.mark.parametrize("follows", [True, False])
def test_deploy_shows_diff_plan_and_progress(world, run, manifest: Path, follows: bool) -> None:
    world.follows = follows
    world.followed = lambda task: setattr(task, "shown", None)
    ready(world, pace=0.1, shown=2 if follows else None)  # it does not end before it is followed
    ran = run("-d", "demo", "deploy", str(manifest), "-n", "--tty", "--no-color")
    assert ran.code == 0, ran.err
    for line in (
        "-   vm_type: default",
        "+   vm_type: large",
        "  Update group web (up to 2 at once)",
        "      recreate the VM  because vm_type: default -> large",
        "      apply the spec  because restart; web.properties.word changed",
        "  0 to create, 1 to update, 1 to recreate, 0 to delete, 3 unchanged",
        "Task 1 | 22:13:20 | Updating instance web: web/a (0) (canary)",
        "Task 1 | 22:13:21 | L executing drain: web/a (0) (canary) (00:01:05)",
        "Task 1 Duration 00:01:05",
        "Task 1 done",
    ):
        assert ran.out.count(line) == 1, (line, ran.out)
    sent = world.sent("POST", "/deployments")[0]
    assert sent.body.decode() == manifest.read_text()
    assert sent.headers["Content-Type"] == "text/yaml"
    assert json.loads(sent.query["context"]) == CONTEXT
    assert set(sent.query) == {"context"}
    outputs = [request for request in world.requests if request.path == "/tasks/1/output"]
    assert all("Range" in request.headers for request in outputs)
    if follows:
        assert [request.query.get("follow") for request in outputs] == ["true", None]


def test_polling_never_repeats_a_line(world, run, manifest: Path) -> None:
    ready(world, *(event("started", f"web/{n}") for n in range(12)), pace=0.15)
    lines = run("-d", "demo", "deploy", str(manifest), "-n").out.splitlines()
    assert [sum(line.endswith(f"web/{n}") for line in lines) for n in range(12)] == [1] * 12


def test_an_uninterrupted_item_is_one_line(world, run, manifest: Path) -> None:
    ready(world, event("started", "web/a"), event("finished", "web/a", 1700000003))
    out = run("-d", "demo", "deploy", str(manifest), "-n").out
    assert out.count("web/a") == 1
    assert "Task 1 | 22:13:20 | Updating instance web: web/a (00:00:03)\n" in out


def test_one_cause_is_said_once(world, run, manifest: Path) -> None:
    plan = json.loads(json.dumps(PLAN))
    del plan["stages"][0]["units"][0]["steps"][1]["causes"]
    ready(world, plan=plan)
    out = run("-d", "demo", "deploy", str(manifest), "-n", "--tty", "--no-color").out
    assert "      because vm_type: default -> large\n      recreate the VM → apply the spec\n" in out


def test_stock_director_has_no_plan(world, run, manifest: Path) -> None:
    ready(world, plan=None)
    ran = run("-d", "demo", "deploy", str(manifest), "-n", "--tty", "--no-color")
    assert ran.code == 0
    assert "Plan:" not in ran.out


def test_a_plan_that_broke_is_told_and_the_deploy_goes_on(world, run, manifest: Path) -> None:
    ready(world, plan=(500, ""))
    ran = run("-d", "demo", "deploy", str(manifest), "-n")
    assert ran.code == 0
    assert "No plan: Director: no reason given (HTTP 500)" in ran.err


def test_a_plan_that_is_refused_stops_before_the_deploy(world, run, manifest: Path) -> None:
    ready(world, plan=(400, {"code": 140004, "description": "Instance group 'web' has no such vm_type"}))
    ran = run("-d", "demo", "deploy", str(manifest), "-n")
    assert ran.code == 1
    assert "no such vm_type (code 140004" in ran.err
    assert not world.sent("POST", "/deployments")


def test_all_flags_reach_the_director(world, run, manifest: Path) -> None:
    ready(world)
    flags = [
        "--recreate",
        "--recreate-persistent-disks",
        "--fix",
        "--force-latest-variables",
        "--no-redact",
    ]
    flags += ["--skip-drain=web", "--skip-drain=db", "--canaries", "2", "--max-in-flight", "30%"]
    assert run("-d", "demo", "deploy", str(manifest), "-n", *flags).code == 0
    expected = {
        "recreate": "true",
        "recreate_persistent_disks": "true",
        "fix": "true",
        "force_latest_variables": "true",
        "skip_drain": "web,db",
        "canaries": "2",
        "max_in_flight": "30%",
    }
    sent = world.sent("POST", "/deployments")[0].query
    assert {key: value for key, value in sent.items() if key != "context"} == expected
    assert world.sent("POST", "/deployments/demo/plan")[0].query == {**expected, "redact": "false"}
    assert world.sent("POST", "/deployments/demo/diff")[0].query == {"redact": "false"}


def test_skip_drain_without_value_means_all(world, run, manifest: Path) -> None:
    ready(world)
    assert run("-d", "demo", "deploy", "-n", str(manifest), "--skip-drain").code == 0
    assert world.sent("POST", "/deployments")[0].query["skip_drain"] == "*"


def test_ops_and_variables(world, run, manifest: Path, tmp_path: Path) -> None:
    ready(world)
    ops = tmp_path / "ops.yml"
    ops.write_text("- type: replace\n  path: /instance_groups/name=web/instances\n  value: ((n))\n")
    assert run("-d", "demo", "deploy", str(manifest), "-n", "-o", str(ops), "-v", "n=4").code == 0
    assert b"instances: 4" in world.sent("POST", "/deployments")[0].body


def test_asks_and_takes_no_for_an_answer(world, run, manifest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    ready(world)
    for answer, code in (("\n", 1), ("no\n", 1), ("", 1), ("yes\n", 0), ("y\n", 0)):
        monkeypatch.setattr(sys, "stdin", io.StringIO(answer))
        ran = run("-d", "demo", "deploy", str(manifest))
        assert ran.code == code
        assert ("Stopped" in ran.err) == (code == 1)
    assert len(world.sent("POST", "/deployments")) == 2


def test_failed_task(world, run, manifest: Path) -> None:
    failure = {"time": 1700000070, "error": {"code": 400007, "message": "'web/a (0)' is not running after update."}}
    ready(
        world,
        *EVENTS[:1],
        event("failed", EVENTS[0]["task"], data={"error": "boom"}),
        failure,
        state="error",
        result="boom",
    )
    ran = run("-d", "demo", "deploy", str(manifest), "-n")
    assert ran.code == 1
    assert "L Error: boom" in ran.out
    assert "Error: 'web/a (0)' is not running after update." in ran.out
    assert "Expected task '1' to succeed but state is 'error': boom" in ran.err


def test_name_must_match(world, run, manifest: Path) -> None:
    ready(world)
    ran = run("-d", "other", "deploy", str(manifest), "-n")
    assert ran.code == 1
    assert "Expected manifest to specify deployment name 'other' but was 'demo'" in ran.err


def test_deploy_config_sets_flags(world, run, manifest: Path) -> None:
    ready(world)
    content = "flags: [fix, recreate]\ninclude: [demo]\n"
    world.replies["GET /configs"] = [{"id": "1", "type": "deploy", "name": "default", "content": content}]
    ran = run("-d", "demo", "deploy", str(manifest), "-n")
    assert "Using deployment flags from config of type 'deploy' (name: 'default')" in ran.err
    sent = world.sent("POST", "/deployments")[0].query
    assert (sent["fix"], sent["recreate"]) == ("true", "true")


@pytest.mark.parametrize("follows", [True, False])
def test_interrupt_detaches_and_task_rejoins(world, run, manifest: Path, follows: bool) -> None:
    world.follows = follows
    ready(world, *(event("started", f"web/{n}") for n in range(8)), shown=2)
    words = [sys.executable, "-m", "meristem.cli.main", "-d", "demo", "deploy", str(manifest), "-n"]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
    assert process.stdout is not None
    deadline = time.monotonic() + 30
    while "web/0" not in process.stdout.readline():
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Detached; task 1 goes on. Rejoin: meristem task 1" in err
    assert "Traceback" not in err
    assert not world.sent("DELETE", "/task/1")
    world.tasks[1].shown = None
    ran = run("task", "1")
    assert ran.code == 0
    assert "web/7" in ran.out


def test_task_output_kinds(world, run) -> None:
    world.task(*EVENTS, result_output="the result\n")
    assert run("task", "1", "--debug").out == "debug line\n"
    assert run("task", "1", "--result").out == "the result\n"
    assert [json.loads(line)["state"] for line in run("task", "1", "--event").out.splitlines()] == [
        "started",
        "in_progress",
        "finished",
    ]
    assert "Task 9 not found (code 10000" in run("task", "9").err
