"""Several clouds at once: the real director, one manifest, a cloud for each availability zone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from cpi.sim.inventory import Inventory
from tests.e2e.loopback.api import running
from tests.e2e.loopback.archives import STEMCELL, build_stemcell
from tests.e2e.loopback.shop import cloud_config
from tests.programs import need
from tests.unit.cpi_sim.sim_world import SimCloud, SimWorld, build_sim_world, fleet

AZS = {"z1": "north", "z2": "south", "z3": "west"}
"""The cloud of each AZ."""
FORMATS = {"north": "sim", "south": "sim", "west": "west-raw"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimWorld]:
    need("nats-server", "ruby")
    built = build_sim_world(tmp_path_factory.mktemp("clouds"), agent_wait=20)
    try:
        yield built
    finally:
        built.stop()


def cpi(world: SimWorld, name: str, **more: Any) -> dict[str, Any]:
    properties = {
        "state_dir": str(world.directory / name),
        "agents": {"heartbeat": 1, "linger": 2},
        "stemcell_formats": [FORMATS[name]],
    }
    return {"name": name, "type": "sim", "properties": properties, **more}


@pytest.fixture(scope="module")
def clouds(world: SimWorld) -> dict[str, SimCloud]:
    """Three clouds in the CPI config; the third takes images of another format, whose stemcell has another name."""
    world.api.update_config("cpi", {"cpis": [cpi(world, name) for name in AZS.values()]})
    world.api.upload_stemcell(world.directory / "stemcell.tgz")
    other = world.directory / "west.tgz"
    build_stemcell(other, name="bosh-west-dummy", api_version=3, formats=("west-raw",))
    world.api.upload_stemcell(other)
    config = cloud_config()
    config["azs"] = [{"name": az, "cpi": name} for az, name in AZS.items()]
    (subnet,) = config["networks"][0]["subnets"]
    subnet["azs"] = list(AZS)
    world.api.update_config("cloud", config)
    return {name: SimCloud(world.directory / name, Inventory(world.directory / name)) for name in AZS.values()}


def spread(instances: int = 3) -> dict[str, Any]:
    manifest = fleet("spread", store=instances)
    (group,) = manifest["instance_groups"]
    group.update(azs=list(AZS), persistent_disk_type="small")
    return manifest


def held(clouds: dict[str, SimCloud]) -> dict[str, tuple[int, int]]:
    """VMs and disks, as each cloud says."""
    return {name: (len(cloud.all("vm")), len(cloud.all("disk"))) for name, cloud in clouds.items()}


def test_each_cloud_gets_the_stemcell_of_its_format(world: SimWorld, clouds: dict[str, SimCloud]) -> None:
    rows = {(one["cpi"], one["name"]) for one in world.api.get("/stemcells")}
    assert rows == {("north", STEMCELL), ("south", STEMCELL), ("west", "bosh-west-dummy")}
    assert {name: len(cloud.all("stemcell")) for name, cloud in clouds.items()} == dict.fromkeys(clouds, 1)


def test_one_cluster_over_three_clouds(world: SimWorld, clouds: dict[str, SimCloud]) -> None:
    world.api.deploy(spread())
    assert len(running(world.api.instances("spread"))) == 3
    assert held(clouds) == dict.fromkeys(clouds, (1, 1))
    calls = {name: cloud.counters("calls:") for name, cloud in clouds.items()}
    world.api.deploy(spread())
    assert {name: cloud.counters("calls:") for name, cloud in clouds.items()} == calls, "nothing had changed"

    world.api.deploy(spread(), recreate="true")
    assert held(clouds) == dict.fromkeys(clouds, (1, 1)), "each VM is made anew in its own cloud, with its disk"
    made = {name: dict(cloud.counters("made:")) for name, cloud in clouds.items()}
    assert made == {name: {"stemcell": 1, "vm": 2, "disk": 1} for name in clouds}


def test_a_cloud_that_refuses_is_named(world: SimWorld, clouds: dict[str, SimCloud]) -> None:
    broken = cpi(world, "south")
    broken["properties"]["faults"] = [{"kind": "error", "method": "create_vm", "message": "no hosts left"}]
    world.api.update_config("cpi", {"cpis": [cpi(world, "north"), broken, cpi(world, "west")]})
    failed = world.api.deploy(spread(6), expect="error")
    assert "no hosts left" in failed.task["result"]
    assert "south" in failed.task["result"]
    assert held(clouds)["south"][0] == 1
    world.api.update_config("cpi", {"cpis": [cpi(world, name) for name in AZS.values()]})
    world.api.deploy(spread(6))
    assert held(clouds) == dict.fromkeys(clouds, (2, 2))
    world.api.deploy(spread(3))


def test_a_cpi_with_another_name_now_keeps_its_vms(world: SimWorld, clouds: dict[str, SimCloud]) -> None:
    renamed = {**cpi(world, "north"), "name": "far-north", "migrated_from": [{"name": "north"}]}
    world.api.update_config("cpi", {"cpis": [renamed, cpi(world, "south"), cpi(world, "west")]})
    config = cloud_config()
    config["azs"] = [{"name": az, "cpi": "far-north" if name == "north" else name} for az, name in AZS.items()]
    config["networks"][0]["subnets"][0]["azs"] = list(AZS)
    world.api.update_config("cloud", config)
    before = {name: cloud.counters("calls:") for name, cloud in clouds.items()}
    world.api.deploy(spread())
    assert {name: cloud.counters("calls:") for name, cloud in clouds.items()} == before, "a name is no reason to act"
    upload = world.api.upload_stemcell(world.directory / "stemcell.tgz")
    assert upload.state == "done"
    assert len(clouds["north"].all("stemcell")) == 1

    world.api.deploy(spread(), recreate="true")
    assert clouds["north"].counters("made:")["vm"] == before["north"]["create_vm"] + 1
    world.api.delete_deployment("spread")
    assert {name: vms for name, (vms, _) in held(clouds).items()} == dict.fromkeys(clouds, 0)
