"""Outages of the services themselves: their processes die, or stand still, while calls are under way."""

from __future__ import annotations

import time

import pytest

from cpi.contract import CloudError, VMCreationFailed
from lab.openstack import outage
from tests.clouds.openstack.tenant import Cpi

HYPERVISORS = ("nova-compute1", "nova-compute2")


@pytest.fixture
def worker(tenant):
    """One that has its own token and has learned nothing of the cloud yet."""
    made = Cpi({**tenant.properties, "connection_options": {"read_timeout": 3}})
    yield made
    made.close()


def order(tenant, stemcell, ip):
    return ["agent", stemcell, {"instance_type": tenant.small}, {"a": tenant.manual(ip)}, [], {}]


@pytest.fixture
def nothing_more(tenant):
    """What the project has is, some seconds after a test, what it had before: services catch up with what they were asked."""
    before = tenant.inventory()
    yield
    until = time.monotonic() + 30
    while (now := tenant.inventory()) != before and time.monotonic() < until:
        time.sleep(0.5)
    assert now == before


def test_nova_and_cinder_are_down_for_a_minute(tenant, cpi, stemcell, same):
    old, _ = cpi("create_vm", *order(tenant, stemcell, "10.11.0.130"))
    spare = cpi("create_disk", 1024, {}, None)
    with outage.down(tenant.stack, "nova", "cinder"):
        calls = [
            cpi.begin("create_vm", *order(tenant, stemcell, "10.11.0.131"), key="vm-minute", state_timeout=200),
            cpi.begin("create_disk", 1024, {}, None, key="disk-minute", state_timeout=200),
            cpi.begin("attach_disk", old, spare, state_timeout=200),
            cpi.begin("has_vm", old, state_timeout=200),
        ]
        time.sleep(60)
        assert not any(call.done() for call in calls)
    (made, _), disk, hint, there = [call.result() for call in calls]
    assert there and hint["id"] == spare
    assert {one.id for one in tenant.member.compute.servers(details=False)} == {old, made}
    assert {one.id for one in tenant.member.block_storage.volumes(details=False)} == {disk, spare}
    for cid in (old, made):
        cpi("delete_vm", cid)
    for cid in (disk, spare):
        cpi("delete_disk", cid)


def test_keystone_is_down_while_a_worker_signs_in(tenant, worker):
    with outage.down(tenant.stack, "keystone"):
        call = worker.begin("has_disk", "00000000-0000-4000-8000-000000000009")
        time.sleep(4)
        assert not call.done()
    assert call.result() is False


def test_services_that_stand_still_are_waited_for(tenant, worker, stemcell, same):
    worker("info")
    with outage.frozen(tenant.stack, "api-neutron"):
        call = worker.begin("create_vm", *order(tenant, stemcell, "10.11.0.132"), key="vm-still")
        time.sleep(8)
    cid, _ = call.result()
    assert len(list(tenant.member.network.ports(network_id=tenant.net.id, device_id=cid))) == 1
    worker("delete_vm", cid)


def test_hypervisors_that_stand_still_are_told_with_a_remedy(tenant, worker, stemcell, nothing_more):
    with outage.frozen(tenant.stack, *HYPERVISORS):
        with pytest.raises(VMCreationFailed, match=r"is still BUILD.* after 4 s \(state_timeout\)") as failed:
            worker("create_vm", *order(tenant, stemcell, "10.11.0.133"), key="vm-stuck", state_timeout=4)
        # no hypervisor has it yet, so nova's API deletes it by itself
        assert failed.value.facts.cleanup == "" and not failed.value.ok_to_retry
        assert failed.value.facts.endpoint == f"{tenant.stack.url('nova')}/v2.1"
    assert worker("find", "vm", "vm-stuck") is None


def test_a_volume_that_stays_creating_is_told_and_found_again(tenant, worker, nothing_more):
    with outage.frozen(tenant.stack, "cinder-volume"):
        with pytest.raises(CloudError, match=r"is still creating after 3 s \(state_timeout\)") as failed:
            worker("create_disk", 1024, {}, None, key="disk-stuck", state_timeout=3)
        assert "is left" in failed.value.facts.cleanup
    disk = worker("find", "disk", "disk-stuck")
    assert tenant.member.block_storage.get_volume(disk).status == "available"
    worker("delete_disk", disk)


def test_a_scheduler_that_stands_still_costs_time_only(tenant, worker, stemcell, same):
    with outage.frozen(tenant.stack, "nova-scheduler", "cinder-scheduler"):
        vm = worker.begin("create_vm", *order(tenant, stemcell, "10.11.0.134"), key="vm-unplaced")
        disk = worker.begin("create_disk", 1024, {}, None, key="disk-unplaced")
        time.sleep(5)
        assert not vm.done() and not disk.done()
    worker("delete_vm", vm.result()[0])
    worker("delete_disk", disk.result())
