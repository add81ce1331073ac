"""The real director over the simulated cloud: whole deployments in seconds, and what its faults do to a task."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.loopback.api import running
from tests.unit.cpi_sim.sim_world import SimWorld, build_sim_world, fleet


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimWorld]:
    for program in ("nats-server", "ruby"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")
    built = build_sim_world(tmp_path_factory.mktemp("sim"), agent_wait=4)
    try:
        yield built
    finally:
        built.stop()


def test_twenty_instances_come_change_and_go(world: SimWorld) -> None:
    cloud, api = world.cloud("wide"), world.api
    finished = api.deploy(fleet("wide", 20, persistent_disk_type="small"))
    assert {"base", "greet"} == {task.split("/")[0] for task in finished.tasks_of("Compiling packages")}
    assert len(running(api.instances("wide"))) == 20
    assert (len(cloud.all("vm")), len(cloud.all("disk"))) == (20, 20)

    before = cloud.counters("calls:")
    api.deploy(fleet("wide", 20, greeting="good day", persistent_disk_type="small"))
    assert cloud.counters("calls:") == before, "a changed property needs no call of the cloud"

    api.deploy(fleet("wide", 5, greeting="good day", persistent_disk_type="small"))
    assert len(running(api.instances("wide"))) == 5
    assert len(cloud.all("vm")) == 5

    api.delete_deployment("wide")
    assert cloud.all("vm") == []
    for orphan in api.get("/disks"):
        api.run("DELETE", f"/disks/{orphan['disk_cid']}")
    assert cloud.all("disk") == []
    assert cloud.counters("made:")["vm"] == cloud.counters("calls:")["create_vm"]
