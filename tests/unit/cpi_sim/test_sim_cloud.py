"""The simulated cloud as a library, in virtual time: inventory, latencies, limits and faults from one seed."""

from __future__ import annotations

import multiprocessing
import shutil
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from cpi.contract import (
    Call,
    CloudError,
    CpiError,
    DeadlineExceeded,
    DiskNotAttached,
    DiskNotFound,
    Network,
    NetworkNotFound,
    NoDiskSpace,
    NotSupported,
    StemcellNotFound,
    VMCreationFailed,
    VMNotFound,
    VmStatus,
)
from cpi.sim.boot import PHASES
from cpi.sim.clock import VirtualClock
from cpi.sim.cloud import Cloud
from cpi.sim.config import Config
from cpi.wire import error_from_wire, error_to_wire


def call(method: str, key: str | None = None) -> Call:
    return Call(method, key=key)


class Sim:
    """A cloud with one stemcell, in virtual time; short forms of its calls."""

    def __init__(self, directory: Path, **properties: Any) -> None:
        self.clock = VirtualClock()
        self.cloud = Cloud(Config.parse({"state_dir": str(directory / "cloud"), **properties}), clock=self.clock)
        image = directory / "image"
        image.write_bytes(b"image")
        self.stemcell = self.cloud.create_stemcell(call("create_stemcell", "s"), str(image), {}, {})

    def vm(self, number: int, **cloud_properties: Any) -> str:
        entry = {"type": "manual", "ip": f"10.0.0.{number}"}
        networks = {"a": Network.parse("a", entry)}
        key = call("create_vm", f"vm-{number}")
        return self.cloud.create_vm(key, f"agent-{number}", self.stemcell, cloud_properties, networks, {}).cid

    def disk(self, key: str, size: int = 64, vm: str | None = None) -> str:
        return self.cloud.disks.create(call("create_disk", key), size, {}, vm)

    def exists(self, vm: str) -> bool:
        return self.cloud.has_vm(call("has_vm"), vm)

    def took(self) -> float:
        return self.clock.now() - 1_700_000_000.0


def test_what_is_made_under_a_key_is_made_once_and_found(tmp_path: Path) -> None:
    sim = Sim(tmp_path)
    first = sim.vm(1)
    assert sim.vm(1) == first
    assert sim.disk("d") == sim.disk("d")
    for kind, key, cid in (("vm", "vm-1", first), ("stemcell", "s", sim.stemcell), ("vm", "other", None)):
        assert sim.cloud.find(call("find"), kind, key) == cid  # pyright: ignore[reportArgumentType]
    assert sim.cloud.find_all(call("find_all"), "vm", ["vm-1", "other"]) == {"vm-1": first}
    assert (sim.cloud.calls()["find"], sim.cloud.calls()["find_all"]) == (3, 1)
    with pytest.raises(CloudError, match="exists for agent agent-1"):
        sim.cloud.create_vm(call("create_vm", "vm-1"), "agent-2", sim.stemcell, {}, {}, {})
    assert sim.cloud.calls()["create_vm"] == 3
    sim.cloud.delete_vm(call("delete_vm"), first)
    sim.cloud.delete_vm(call("delete_vm"), first)
    assert sim.cloud.find(call("find"), "vm", "vm-1") is None


def test_disks_go_where_they_may(tmp_path: Path) -> None:
    sim = Sim(tmp_path, zones=["z1", "z2"])
    one, two, far = sim.vm(1), sim.vm(2), sim.vm(3, availability_zone="z2")
    disks, disk = sim.cloud.disks, sim.disk("d", vm=one)
    hint = disks.attach(call("attach_disk"), one, disk)
    assert disks.attach(call("attach_disk"), one, disk) == hint
    assert sim.cloud.get_disks(call("get_disks"), one) == [disk]
    with pytest.raises(CloudError, match=f"attached to VM '{one}'"):
        disks.attach(call("attach_disk"), two, disk)
    with pytest.raises(CloudError, match="is attached"):
        disks.delete(call("delete_disk"), disk)
    with pytest.raises(DiskNotAttached):
        disks.detach(call("detach_disk"), two, disk)
    disks.detach(call("detach_disk"), one, disk)
    with pytest.raises(CloudError, match="is in zone 'z1'"):
        disks.attach(call("attach_disk"), far, disk)
    disks.resize(call("resize_disk"), disk, 128)
    with pytest.raises(NotSupported, match="cannot shrink"):
        disks.resize(call("resize_disk"), disk, 64)
    disks.attach(call("attach_disk"), one, disk)
    sim.cloud.delete_vm(call("delete_vm"), one)
    disks.attach(call("attach_disk"), two, disk)
    shot = disks.snapshot(call("snapshot_disk", "shot"), disk, {})
    assert disks.snapshot(call("snapshot_disk", "shot"), disk, {}) == shot
    with pytest.raises(CloudError, match="zone 'z9' does not exist"):
        sim.vm(9, availability_zone="z9")


def test_what_is_not_there_is_told_by_type(tmp_path: Path) -> None:
    cloud = Sim(tmp_path).cloud
    wanted: list[tuple[type[CpiError], Any]] = [
        (VMNotFound, lambda: cloud.reboot_vm(call("reboot_vm"), "no")),
        (VMNotFound, lambda: cloud.get_disks(call("get_disks"), "no")),
        (DiskNotFound, lambda: cloud.disks.resize(call("resize_disk"), "no", 1)),
        (StemcellNotFound, lambda: cloud.create_vm(call("create_vm"), "a", "no", {}, {}, {})),
        (NetworkNotFound, lambda: cloud.delete_network(call("delete_network"), "no")),
        (NotSupported, lambda: cloud.configure_networks(call("configure_networks"), "no")),
        (CloudError, lambda: cloud.create_stemcell(call("create_stemcell"), "/no/image", {}, {})),
    ]
    for kind, act in wanted:
        with pytest.raises(kind):
            act()
    made = cloud.create_network(call("create_network"), {"type": "manual", "range": "10.9.0.0/24"})
    assert made.addresses["range"] == "10.9.0.0/24"
    cloud.delete_network(call("delete_network"), made.cid)


def test_latencies_pass_in_virtual_time_and_come_from_the_seed(tmp_path: Path) -> None:
    latency = {"create_vm": 90_000, "create_disk": {"uniform": [1000, 2000]}, "has_vm": {"normal": [500, 100]}}
    drawn: list[float] = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        (tmp_path / name).mkdir()
        sim = Sim(tmp_path / name, seed=seed, latency=latency)
        began = time.monotonic()
        sim.vm(1)
        assert sim.took() == 90
        assert time.monotonic() - began < 45
        sim.disk("d")
        assert 91 <= sim.took() <= 92
        sim.exists("no")
        drawn.append(sim.took())
    assert drawn[0] == drawn[1] != drawn[2]


def test_a_standing_clock_holds_a_call_until_it_is_advanced(tmp_path: Path) -> None:
    asleep = threading.Event()

    class Watched(VirtualClock):
        def sleep(self, seconds: float) -> None:
            with self._moved:  # the hands cannot be moved before it really sleeps
                asleep.set()
                super().sleep(seconds)

    clock = Watched(flowing=False)
    cloud = Cloud(Config.parse({"state_dir": str(tmp_path), "latency": {"create_disk": 5000}}), clock=clock)
    working = threading.Thread(target=lambda: cloud.disks.create(call("create_disk", "d"), 1, {}, None))
    working.start()
    assert asleep.wait(30)
    clock.advance(4.9)
    working.join(0.05)
    assert working.is_alive()
    clock.advance(0.2)
    working.join(30)
    assert not working.is_alive()
    assert cloud.find(call("find"), "disk", "d")


def test_rates_refuse_then_let_in(tmp_path: Path) -> None:
    sim = Sim(tmp_path, rate_limit={"create_disk": {"per_second": 2, "burst": 2}})
    sim.disk("1")
    sim.disk("2")
    with pytest.raises(CloudError, match="Rate limit exceeded: create_disk at most 2 per second") as refused:
        sim.disk("3")
    assert refused.value.ok_to_retry
    assert not refused.value.facts.started
    sim.clock.advance(0.5)
    sim.disk("3")
    (tmp_path / "queue").mkdir()
    patient = Sim(tmp_path / "queue", rate_limit={"create_disk": {"per_second": 2, "burst": 1, "wait": 60}})
    for number in range(11):
        patient.disk(str(number))
    assert patient.took() == pytest.approx(5)
    with patient.cloud.inventory.transaction() as books:
        assert books.counters("refused:") == {}


def test_a_refusal_says_when_to_come_again_and_the_rate_may_change_meanwhile(tmp_path: Path) -> None:
    sim = Sim(tmp_path, rate_limit={"create_disk": {"per_second": 2, "burst": 1}})
    sim.disk("one")
    with pytest.raises(CloudError) as refused:
        sim.disk("two")
    assert refused.value.facts.retry_after == pytest.approx(0.5)
    assert not refused.value.facts.started
    assert error_from_wire("create_disk", "", error_to_wire(refused.value)).facts.retry_after == pytest.approx(0.5)
    (tmp_path / "cloud" / "rate_limit.json").write_text('{"create_disk": {"per_second": 0.1, "burst": 1}}')
    with pytest.raises(CloudError, match=r"at most 0\.1 per second"):
        sim.disk("two")
    (tmp_path / "cloud" / "rate_limit.json").unlink()
    sim.clock.advance(0.5)
    sim.disk("two")


def test_one_rate_for_all_calls(tmp_path: Path) -> None:
    sim = Sim(tmp_path, rate_limit={"per_second": 1, "burst": 2})
    sim.vm(1)
    with pytest.raises(CloudError, match="Rate limit exceeded: calls at most 1 per second"):
        sim.disk("1")


def test_a_removed_cloud_is_a_new_one(tmp_path: Path) -> None:
    sim = Sim(tmp_path)
    vm = sim.vm(1)
    assert sim.cloud.inventory.is_current()
    shutil.rmtree(tmp_path / "cloud")
    assert not sim.cloud.inventory.is_current()
    assert not sim.exists(vm)
    assert sim.cloud.calls() == {"has_vm": 1}


def test_quotas(tmp_path: Path) -> None:
    sim = Sim(tmp_path, quota={"vms": 1, "disks": 2, "disk_mib": 150, "snapshots": 0})
    sim.vm(1)
    with pytest.raises(VMCreationFailed, match="1 VMs at most"):
        sim.vm(2)
    sim.disk("1", 100)
    with pytest.raises(NoDiskSpace, match="100 of 150 MiB"):
        sim.disk("2", 51)
    sim.disk("2", 50)
    with pytest.raises(CloudError, match="2 disks at most"):
        sim.disk("3", 1)
    (tmp_path / "few").mkdir()
    few = Sim(tmp_path / "few", quota={"addresses": 1})
    few.vm(1)
    with pytest.raises(CloudError, match="1 addresses at most"):
        few.vm(2)


def test_an_address_belongs_to_one_vm(tmp_path: Path) -> None:
    sim = Sim(tmp_path)
    vm = sim.vm(1)
    network = {"a": Network.parse("a", {"type": "manual", "ip": "10.0.0.1"})}
    with pytest.raises(CloudError, match=f"10.0.0.1 is in use by VM '{vm}'"):
        sim.cloud.create_vm(call("create_vm", "other"), "other", sim.stemcell, {}, network, {})
    sim.cloud.delete_vm(call("delete_vm"), vm)
    sim.cloud.create_vm(call("create_vm", "other"), "other", sim.stemcell, {}, network, {})
    dynamic = {"d": Network.parse("d", {"type": "dynamic"})}
    made = [sim.cloud.create_vm(call("create_vm", k), k, sim.stemcell, {}, dynamic, {}) for k in "xy"]
    assert len({str(one.networks["d"]["ip"]) for one in made}) == 2


def test_errors_strike_without_effect_and_lost_answers_after_it(tmp_path: Path) -> None:
    faults = [
        {"kind": "error", "method": "create_vm", "nth": 1, "type": "Bosh::Clouds::VMCreationFailed",
         "message": "no capacity", "ok_to_retry": True},
        {"kind": "lost", "method": "create_vm", "nth": 2},
        {"kind": "slow", "method": "create_vm", "nth": 3, "seconds": 100},
    ]  # fmt: skip
    sim = Sim(tmp_path, faults=faults)
    with pytest.raises(VMCreationFailed, match="no capacity") as failed:
        sim.vm(1)
    assert failed.value.ok_to_retry
    assert sim.cloud.find(call("find"), "vm", "vm-1") is None
    with pytest.raises(DeadlineExceeded, match="it has taken effect"):
        sim.vm(1)
    found = sim.cloud.find(call("find"), "vm", "vm-1")
    assert found is not None
    assert sim.vm(1) == found
    assert sim.took() == 100


def test_chances_are_the_same_for_the_same_seed(tmp_path: Path) -> None:
    def struck(name: str, seed: int) -> list[int]:
        (tmp_path / name).mkdir()
        faults = [{"kind": "error", "method": "has_vm", "chance": 0.3, "times": 10}]
        sim, hit = Sim(tmp_path / name, seed=seed, faults=faults), list[int]()
        for number in range(60):
            try:
                sim.exists("no")
            except CloudError:
                hit.append(number)
        return hit

    first = struck("a", 5)
    assert len(first) == 10
    assert struck("b", 5) == first
    assert struck("c", 6) != first


def test_vms_vanish_and_disks_stick(tmp_path: Path) -> None:
    faults = [
        {"kind": "vanishes", "nth": 1, "seconds": 30},
        {"kind": "never_boots", "nth": 2},
        {"kind": "disk_stuck", "method": "detach_disk", "state": "detaching", "seconds": 60},
    ]
    sim = Sim(tmp_path, faults=faults)
    one, two = sim.vm(1), sim.vm(2)
    disk = sim.disk("d")
    disks = sim.cloud.disks
    disks.attach(call("attach_disk"), one, disk)
    sim.clock.advance(29)
    assert sim.exists(one)
    sim.clock.advance(2)
    assert not sim.exists(one)
    assert sim.vm(1) != one
    disks.attach(call("attach_disk"), two, disk)
    disks.detach(call("detach_disk"), two, disk)
    with pytest.raises(CloudError, match="state 'detaching'"):
        disks.delete(call("delete_disk"), disk)
    sim.clock.advance(61)
    disks.delete(call("delete_disk"), disk)
    with sim.cloud.inventory.transaction() as books:
        vm = books.get("vm", two)
        assert vm is not None
        assert vm.body["boots_at"] is None


def _create(directory: str, number: int) -> None:
    cloud = Cloud(Config.parse({"state_dir": directory}))
    for key in range(20):
        cloud.disks.create(call("create_disk", f"shared-{key}"), 1, {}, None)
        cloud.disks.create(call("create_disk", f"own-{number}-{key}"), 1, {}, None)


def test_processes_share_one_inventory(tmp_path: Path) -> None:
    workers = [multiprocessing.get_context("fork").Process(target=_create, args=(str(tmp_path), n)) for n in range(3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(30)
        assert worker.exitcode == 0
    cloud = Cloud(Config.parse({"state_dir": str(tmp_path)}))
    assert cloud.calls() == {"create_disk": 120}
    with cloud.inventory.transaction() as books:
        assert books.number_of("disk") == 80
        assert len({disk.cid for disk in books.all("disk")}) == 80


@pytest.mark.parametrize(
    ("properties", "told"),
    [
        ({"state_dir": "here"}, "state_dir 'here' must be an absolute path"),
        ({"lattency": 1}, "lattency is not known; known are agent, agents"),
        ({"latency": {"create_vm": "slow"}}, "latency.create_vm must be a number"),
        ({"latency": {"create_vm": {"uniform": [2, 1]}}}, "latency.create_vm.uniform must be"),
        ({"rate_limit": 0}, "rate_limit.all must be a number of at least 0.001"),
        ({"quota": {"cars": 1}}, "quota.cars is not known"),
        ({"faults": [{"kind": "odd"}]}, r"faults\[0\].kind must be one of error, lost"),
        ({"faults": [{"kind": "error", "chance": 2}]}, r"faults\[0\].chance must be a number from 0 to 1"),
        ({"faults": [{"kind": "error", "type": "Odd"}]}, r"faults\[0\].type must be an error of the contract"),
        ({"agents": {"heartbeat": 0}}, "agents.heartbeat must be a number"),
        ({"seed": -1}, "seed must be a whole number"),
    ],
)
def test_wrong_properties_are_named(properties: dict[str, Any], told: str) -> None:
    with pytest.raises(CloudError, match=told):
        Config.parse({"state_dir": "/tmp/x", **properties})


def test_how_far_a_vm_has_come(tmp_path: Path) -> None:
    faults = [
        *({"kind": "never_boots", "nth": n, "phase": phase} for n, phase in enumerate(PHASES, 2)),
        {"kind": "powers_off", "nth": 7, "seconds": 20, "message": "out of memory"},
        {"kind": "crashes", "nth": 8, "seconds": 5},
    ]
    sim = Sim(tmp_path, agents={"boot": 10_000}, faults=faults)
    cids = [sim.vm(number) for number in range(1, 9)]

    def look(console: int = 0) -> dict[str, VmStatus]:
        return sim.cloud.vm_status(call("vm_status"), [*cids, "sim-vm-99"], console)

    first = list(look().values())
    assert [one.power for one in first[:8]] == ["on", "off", *["on"] * 6]
    assert not any(one.addresses for one in first), "nothing is seen before a third of the boot"
    assert first[8] == VmStatus(exists=False)
    sim.clock.advance(21)
    later = list(look(2000).values())
    assert [one.power for one in later[:8]] == ["on", "off", *["on"] * 4, "off", "on"]
    assert [one.addresses for one in later[:6]] == [
        ("10.0.0.1",), (), (), ("10.0.0.4",), ("10.0.0.5",), ("10.0.0.6",),
    ]  # fmt: skip
    assert [(one.boot == two.boot) for one, two in zip(first, later, strict=True)] == [*[True] * 7, False, True]
    ends = [one.console.splitlines()[-1] if one.console else "" for one in later]
    assert ends[2] == "dhclient[312]: No DHCPOFFERS received."
    assert "bad certificate" in ends[4]
    assert later[6].console.endswith("out of memory\nreboot: Power down\n")
    assert "panic" in ends[7]
    assert look(30)[cids[6]].console == "reboot: Power down\n", "whole lines within the size"
    assert sim.cloud.calls()["vm_status"] == 3
    sim.cloud.reboot_vm(call("reboot_vm"), cids[0])
    again = look()[cids[0]]
    assert (again.boot, again.addresses) == ("2", ())
