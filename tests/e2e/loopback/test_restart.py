"""A director killed in the middle of a task: the task goes on by itself, and nothing is done twice."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import yaml

from tests.e2e.loopback.api import Api
from tests.e2e.loopback.shop import manifest
from tests.e2e.loopback.world import World


def until(what: str, done: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.05)


def open_gate(gate: Path, index: int) -> None:
    """The instance's pre-start goes on."""
    gate.with_name(f"{gate.name}-{index}").touch()


def start_logs(world: World) -> list[Path]:
    return sorted((world.cloud.state / "vm").glob("*/sys/log/web/pre-start.stdout.log"))


def test_killed_while_an_agent_works(stocked: World, api: Api, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    body = yaml.safe_dump(manifest("killed", instances=1, gate=gate)).encode()
    task = api.start("POST", "/deployments", body=body, kind="text/yaml")
    until("pre-start begins", lambda: bool(start_logs(stocked)))
    stocked.kill_director()
    stocked.start_director()
    open_gate(gate, 0)
    api.wait(task)
    (log,) = start_logs(stocked)
    assert log.read_text().count("pre-start front/0") == 1, "the script that ran through the restart was run again"
    assert stocked.cloud.counts()["create_vm"] - stocked.cloud.counts()["delete_vm"] == 1
    api.delete_deployment("killed")


def test_killed_between_two_instances(stocked: World, api: Api, tmp_path: Path) -> None:
    """The first instance is finished, the second is under way: it alone is gone on with."""
    api.deploy(manifest("halfway", instances=2))
    before = stocked.cloud.counts()
    gate = tmp_path / "gate"
    open_gate(gate, 0)
    body = yaml.safe_dump(manifest("halfway", instances=2, greeting="later", gate=gate)).encode()
    task = api.start("POST", "/deployments", body=body, kind="text/yaml")

    def second_begins() -> bool:
        return sum(log.read_text().count("pre-start") for log in start_logs(stocked)) >= 4

    until("the second instance's pre-start begins", second_begins)
    stocked.kill_director()
    stocked.start_director()
    open_gate(gate, 1)
    finished = api.wait(task)
    assert [log.read_text().count("pre-start") for log in start_logs(stocked)] == [2, 2]
    assert stocked.cloud.counts() == before
    assert len(finished.tasks_of("Updating instance")) == 2
    api.delete_deployment("halfway")
