"""The real director over a simulated cloud whose VMs fail in each phase of their boot."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from cpi.sim.inventory import Item
from tests.programs import need
from tests.unit.cpi_sim.sim_world import SimWorld, build_sim_world, fleet

FAULTS = [
    {"kind": "never_boots", "nth": 1, "phase": "power"},
    {"kind": "never_boots", "nth": 2, "phase": "address", "message": "password: tell-nobody"},
    {"kind": "never_boots", "nth": 3, "phase": "bus"},
    {"kind": "never_boots", "nth": 4, "phase": "agent"},
    {"kind": "powers_off", "nth": 5, "message": "Out of memory"},
    {"kind": "crashes", "nth": 6, "seconds": 0.5},
]
STORIES = {
    "power": "the cloud does not power it on",
    "address": "it is powered on, but no address of it was seen",
    "bus": "it runs, but has not come to the bus",
    "agent": "its agent is connected to the bus, but does not answer",
    "powers_off": "it went down again",
    "crashes": "it starts again and again",
}


def fate_of(vm: Item) -> str:
    """Which of the faults met it."""
    return vm.text("stuck") or ("crashes" if vm.body["crashes_every"] else "powers_off")


@pytest.fixture
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimWorld]:
    need("nats-server", "ruby")
    limits = {"power": 4, "address": 4, "bus": 12, "agent": 4, "first_look": 1, "interval": 0.5}
    built = build_sim_world(tmp_path_factory.mktemp("boots"), agent_wait=300, boot=limits)
    try:
        yield built
    finally:
        built.stop()


def test_each_vm_is_given_up_for_what_it_lacks(world: SimWorld) -> None:
    cloud, api = world.cloud("boots", faults=FAULTS), world.api
    failed = api.deploy(fleet("boots", front=len(FAULTS)), expect="error", keep_unreachable="true")
    errors = [event["data"]["error"] for event in failed.events if event.get("state") == "failed"]
    fates = {vm.cid: fate_of(vm) for vm in cloud.all("vm")}
    told = {fates[text.split("'")[1]]: text for text in errors}
    assert told.keys() == STORIES.keys()
    for fate, story in STORIES.items():
        assert f": {story}" in told[fate], told[fate]
        assert "The VM is kept until the next deploy or clean-up" in told[fate]
    assert told["address"].endswith("  dhclient[312]: No DHCPOFFERS received.\n  password: <redacted>")
    assert told["powers_off"].endswith("  Out of memory\n  reboot: Power down")
    assert "panic" in told["crashes"]
    looks = cloud.counters("calls:")["vm_status"]
    assert looks < 80, "one call for all of them"
    kept = {row["cid"]: row["instance_name"].split("/")[0] for row in api.get("/orphaned_vms")}
    assert kept == dict.fromkeys(fates, "front")
    api.delete_deployment("boots")
    assert cloud.all("vm") == []
