"""The real director over the simulated cloud: whole deployments in seconds, and what its faults do to a task."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.loopback.api import running
from tests.programs import need
from tests.unit.cpi_sim.sim_world import SimWorld, build_sim_world, fleet


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimWorld]:
    need("nats-server", "ruby")
    built = build_sim_world(tmp_path_factory.mktemp("sim"), agent_wait=10)
    try:
        yield built
    finally:
        built.stop()


def wide(front: int, greeting: str = "hello") -> dict[str, Any]:
    """Group `front`, whose job has packages and templates, and group `store` with persistent disks."""
    manifest = fleet("wide", front=front, store=2)
    first, second = manifest["instance_groups"]
    first["jobs"] = [{"name": "web", "release": "shop", "properties": {"greeting": greeting}}]
    second["persistent_disk_type"] = "small"
    return manifest


def test_twenty_instances_come_change_and_go(world: SimWorld) -> None:
    cloud, api = world.cloud("wide"), world.api
    finished = api.deploy(wide(18))
    assert {"base", "greet"} == {task.split("/")[0] for task in finished.tasks_of("Compiling packages")}
    assert len(running(api.instances("wide"))) == 20
    assert (len(cloud.all("vm")), len(cloud.all("disk"))) == (20, 2)

    before = cloud.counters("calls:")
    finished = api.deploy(wide(18, "good day"))
    assert cloud.counters("calls:") == before, "a changed property needs no call of the cloud"
    assert len(finished.tasks_of("Updating instance")) == 18

    api.deploy(wide(3, "good day"))
    assert len(running(api.instances("wide"))) == 5
    assert len(cloud.all("vm")) == 5

    api.delete_deployment("wide")
    assert cloud.all("vm") == []
    for orphan in api.get("/disks"):
        api.run("DELETE", f"/disks/{orphan['disk_cid']}")
    assert cloud.all("disk") == []
    assert cloud.counters("made:")["vm"] == cloud.counters("calls:")["create_vm"]


def test_a_refused_call_is_sent_again_until_the_cloud_takes_it(world: SimWorld) -> None:
    """Ten creations at one per second: however often they are refused, none fails, and `GET /limits` tells what was learned."""
    rate = {"create_vm": {"per_second": 1, "burst": 1}}
    cloud = world.cloud("rated", rate_limit=rate)
    world.api.deploy(fleet("rated", front=10))
    assert len(running(world.api.instances("rated"))) == 10
    assert cloud.counters("refused:")["create_vm"] >= 1
    assert cloud.counters("made:")["vm"] == len(cloud.all("vm")) == 10
    (learned,) = [
        row for row in world.api.get("/director/limits") if (row["cpi"], row["method"]) == ("rated", "create_vm")
    ]
    assert learned["learned"]
    assert learned["per_second"] < 5
    assert learned["calls"] == cloud.counters("calls:")["create_vm"]
    world.api.delete_deployment("rated")
    assert cloud.all("vm") == []


@pytest.mark.parametrize("how", ["error", "die"])
def test_a_lost_answer_is_found_again_by_its_key(world: SimWorld, how: str) -> None:
    cloud = world.cloud(f"lost-{how}", faults=[{"kind": "lost", "method": "create_vm", "nth": 1, "how": how}])
    world.api.deploy(fleet("lost", front=1))
    (row,) = [row for row in world.api.instances("lost") if row["job_name"] == "front"]
    assert cloud.counters("fault:") == {"0:lost": 1}
    assert cloud.counters("made:")["vm"] == cloud.counters("calls:")["create_vm"] == 1, "a second VM was made"
    assert cloud.counters("calls:")["find"] >= 1
    assert [vm.cid for vm in cloud.all("vm")] == [row["vm_cid"]]
    world.api.delete_deployment("lost")


def test_a_vm_that_never_boots_ends_the_task_with_its_name(world: SimWorld) -> None:
    cloud = world.cloud("dark", faults=[{"kind": "never_boots", "nth": 2}])
    failed = world.api.deploy(fleet("dark", front=2), expect="error")
    (bright,) = [vm.cid for vm in cloud.all("vm")]
    (dark,) = {"sim-vm-1", "sim-vm-2"} - {bright}  # it is deleted
    assert f"Timed out pinging VM '{dark}'" in failed.task["result"]
    told = next(event["error"]["message"] for event in failed.events if "error" in event)
    assert "it runs, but has not come to the bus" in told
    assert "\nThe end of its console:\n" in told
    assert any("waiting for it on the bus" in event.get("data", {}).get("status", "") for event in failed.events)
    assert 1 <= cloud.counters("calls:")["vm_status"] <= 6
    assert any(event.get("state") == "failed" and event["task"].startswith("front/") for event in failed.events)
    world.api.delete_deployment("dark", force="true")
    assert cloud.all("vm") == []
