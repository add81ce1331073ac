"""Two directors on one database: one view of things, and each goes on with what the other left."""

from __future__ import annotations

import json
import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.e2e.loopback.api import running
from tests.e2e.loopback.shop import manifest
from tests.e2e.several.director_process import Director
from tests.e2e.several.pair import LEASE, Pair


def until(what: str, done: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def start_logs(pair: Pair) -> list[Path]:
    return sorted((pair.cloud.state / "vm").glob("*/sys/log/web/pre-start.stdout.log"))


def starts(pair: Pair) -> list[int]:
    """How often each VM's pre-start was begun."""
    return [log.read_text().count("pre-start front/") for log in start_logs(pair)]


def begin(pair: Pair, director: Director, name: str, gate: Path) -> int:
    """A deploy whose one instance is in the middle of its pre-start when this returns, and stays there until `go_on`; the task."""
    body = yaml.safe_dump(manifest(name, instances=1, gate=gate)).encode()
    task = director.api.start("POST", "/deployments", body=body, kind="text/yaml")
    until("pre-start begins", lambda: bool(start_logs(pair)))
    return task


def go_on(gate: Path) -> None:
    """Pre-start comes to its end."""
    gate.with_name(f"{gate.name}-0").touch()


def check_once(pair: Pair, director: Director, name: str, before: Counter[str]) -> None:
    """One VM runs, its pre-start ran once, and no call to the cloud was made twice."""
    assert starts(pair) == [1]
    done = pair.cloud.counts() - before
    assert done["create_vm"] - done["delete_vm"] == 1
    assert done["create_vm"] <= 2, "the instance's VM, and one to compile on when nothing was compiled yet"
    assert running(director.api.instances(name)) == {"front/0"}


def test_both_show_what_either_was_told(pair: Pair) -> None:
    a, b = (one.api for one in pair.directors)
    assert a.get("/info")["uuid"] == b.get("/info")["uuid"]
    assert a.get("/stemcells") == b.get("/stemcells") != []
    assert a.get("/releases") == b.get("/releases") != []
    assert a.get("/configs", latest="true") == b.get("/configs", latest="true") != []
    task = a.deploy(manifest("seen", instances=1)).task
    assert b.get(f"/tasks/{task['id']}") == a.get(f"/tasks/{task['id']}")
    assert b.log(task["id"]) == a.log(task["id"]) != ""
    assert running(b.instances("seen")) == {"front/0"}
    assert b.deploy(manifest("seen", instances=1)).task["state"] == "done"
    b.delete_deployment("seen")
    assert a.get("/deployments") == []


def test_what_a_killed_director_left_the_other_finishes(pair: Pair, tmp_path: Path) -> None:
    before = pair.cloud.counts()
    task = begin(pair, pair.directors[0], "killed", tmp_path / "gate")
    runner, other = pair.runner_of(task)
    killed_at = time.monotonic()
    runner.kill()
    until("the other takes over", lambda: pair.runs(task, other))
    print(f"taken over {time.monotonic() - killed_at:.1f} s after the kill (lease {LEASE:g} s)")
    go_on(tmp_path / "gate")
    finished = other.api.wait(task)
    assert "goes on with the stored plan" in other.api.log(task)
    assert len(finished.tasks_of("Updating instance")) + len(finished.tasks_of("Creating missing vms")) >= 1
    check_once(pair, other, "killed", before)
    runner.start()
    assert runner.api.get(f"/tasks/{task}")["state"] == "done"
    runner.api.delete_deployment("killed")


def test_a_frozen_director_finds_itself_replaced_and_does_nothing(pair: Pair, tmp_path: Path) -> None:
    before = pair.cloud.counts()
    task = begin(pair, pair.directors[1], "frozen", tmp_path / "gate")
    runner, other = pair.runner_of(task)
    runner.send(signal.SIGSTOP)
    try:
        until("the other takes over", lambda: pair.runs(task, other))
        go_on(tmp_path / "gate")
        finished = other.api.wait(task)
        check_once(pair, other, "frozen", before)
        calls, events = pair.cloud.calls(), other.api.log(task, "event")
        row = finished.task
    finally:
        runner.send(signal.SIGCONT)
    until("the woken director gives the task up", lambda: "task given up" in runner.log.read_text())
    time.sleep(2)
    assert pair.cloud.calls() == calls
    assert starts(pair) == [1]
    # output is not fenced: a line of progress that it had in hand may still come, and nothing that ends a stage or the task
    late = other.api.log(task, "event").removeprefix(events).splitlines()
    assert [line for line in late if json.loads(line).get("state") != "in_progress"] == []
    assert other.api.get(f"/tasks/{task}") == row
    assert runner.process is not None
    os.kill(runner.process.pid, 0)
    assert running(runner.api.instances("frozen")) == {"front/0"}, "it serves again"
    runner.api.delete_deployment("frozen")
