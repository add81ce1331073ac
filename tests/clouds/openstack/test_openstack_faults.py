"""Faults of a real cloud, before its endpoints or within it: the call goes on, or ends with one clear error; nothing leaks."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from cpi.contract import CloudError, DiskNotFound, VMCreationFailed, VMNotFound, WorkerDied
from tests.clouds.openstack.fault_proxy import FaultProxy
from tests.clouds.openstack.tenant import Cpi, stemcell_archive

SERVICES = ("keystone", "glance", "nova", "neutron", "cinder", "placement")
ABSENT = "00000000-0000-4000-8000-000000000009"


@pytest.fixture(scope="module")
def proxy(tenant):
    made = FaultProxy({name: tenant.stack.url(name) for name in SERVICES})
    yield made
    made.close()


@pytest.fixture(scope="module")
def through(tenant, proxy):
    """A worker whose cloud lies behind the proxy."""
    worker = Cpi({**tenant.properties, "auth_url": proxy.auth_url, "connection_options": {"read_timeout": 20}})
    yield worker
    worker.close()


@pytest.fixture(autouse=True)
def calm(proxy, same):
    yield
    proxy.calm()


@pytest.fixture
def order(tenant, stemcell):
    """Arguments of a create_vm."""

    def made(ip: str, agent: str = "agent"):
        return [agent, stemcell, {"instance_type": tenant.small}, {"a": tenant.manual(ip)}, [], {}]

    return made


def seen(proxy, method: str, path: str, within: float = 30.0) -> None:
    """Until such a request came."""
    until = time.monotonic() + within
    while not any(one == method and path in where for one, where in proxy.seen):
        assert time.monotonic() < until, proxy.seen[-10:]
        time.sleep(0.02)


def test_an_outage_in_mid_call_is_waited_out(proxy, through, order):
    proxy.fault("POST", "nova/v2.1/servers$", then=lambda: setattr(proxy, "down", True))
    call = through.begin("create_vm", *order("10.11.0.150"), key="vm-outage")
    seen(proxy, "POST", "nova/v2.1/servers")
    time.sleep(6)
    proxy.down = False
    cid, _ = call.result()
    through("delete_vm", cid)


def test_a_cloud_that_stays_down_is_named(proxy, through):
    proxy.down = True
    with pytest.raises(CloudError, match=r"does not answer: .*see whether the service runs") as failed:
        through("create_disk", 1024, {}, None, state_timeout=3)
    assert failed.value.facts.endpoint.startswith(proxy.url) and failed.value.facts.started is False


def test_internal_errors_of_questions_are_asked_again(proxy, through):
    one = proxy.fault("GET", "cinder/v3/", times=3, status=500)
    assert not through("has_disk", ABSENT)
    assert one.met == 3


def test_internal_errors_that_stay_end_with_the_request_id(proxy, through, order):
    proxy.fault("POST", "cinder/.*/volumes$", times=99, status=500, body='{"computeFault": {"message": "Boom"}}')
    with pytest.raises(
        CloudError, match=r"cinder at http.* says: Boom \(HTTP 500, request req-of-the-proxy\); see the service's log"
    ):
        through("create_disk", 1024, {}, None)


def test_a_rate_limit_is_handed_to_the_director(proxy, through, order):
    proxy.fault("POST", "neutron/v2.0/ports", status=429, headers={"Retry-After": "7"}, body="Too many requests")
    with pytest.raises(CloudError, match=r"Too many requests \(HTTP 429") as failed:
        through("create_vm", *order("10.11.0.151"))
    assert failed.value.facts.retry_after == 7.0 and failed.value.facts.started is False


def test_a_rate_limit_in_mid_call_is_waited_for(proxy, through, order):
    one = proxy.fault("POST", "nova/v2.1/servers$", times=2, status=429, headers={"Retry-After": "1"})
    cid, _ = through("create_vm", *order("10.11.0.152"))
    assert one.met == 2
    through("delete_vm", cid)


def test_a_slow_answer_is_given_up_and_its_vm_taken(tenant, proxy, through, order):
    proxy.fault("POST", "nova/v2.1/servers$", lose=False, delay=0.0, then=lambda: time.sleep(4))
    cid, _ = through("create_vm", *order("10.11.0.153"), key="vm-slow", connection_options={"read_timeout": 2})
    assert [one.id for one in tenant.member.compute.servers(details=False)].count(cid) == 1
    through("delete_vm", cid)


def test_a_token_that_ends_is_renewed(tenant, proxy, through):
    assert not through("has_disk", ABSENT)
    proxy.calm()
    one = proxy.fault("GET", "cinder/v3/", status=401, body='{"error": {"message": "token expired"}}')
    assert not through("has_disk", ABSENT)
    assert one.met == 1 and any(method == "POST" and "auth/tokens" in path for method, path in proxy.seen)


def test_a_token_that_ends_while_keystone_is_away_is_renewed_later(proxy, through):
    assert not through("has_disk", ABSENT)
    proxy.fault("GET", "cinder/v3/", status=401, body='{"error": {"message": "token expired"}}')
    away = proxy.fault("POST", "keystone/v3/auth/tokens", times=2, status=503)
    assert not through("has_disk", ABSENT)
    assert away.met == 2


def test_answers_that_are_no_documents(tenant, proxy, through, order):
    page = {"Content-Type": "text/html"}
    proxy.fault("GET", "cinder/v3/", times=2, status=200, body="<html>Please log in</html>", headers=page)
    assert not through("has_disk", ABSENT)
    proxy.fault("POST", "cinder/.*/volumes$", status=202, body='{"volume": {"id": "cut o')
    disk = through("create_disk", 1024, {}, None, key="disk-cut")
    assert [one.id for one in tenant.member.block_storage.volumes()] == [disk]
    through("delete_disk", disk)
    proxy.fault("GET", "cinder/v3/", times=99, status=200, body="<html>Please log in</html>", headers=page)
    with pytest.raises(CloudError, match=r"cinder at http.* what comes back is no document of its own: Please log in"):
        through("has_disk", ABSENT, state_timeout=2)


def test_internal_errors_while_a_vm_is_deleted_are_gone_past(proxy, through, order):
    cid, _ = through("create_vm", *order("10.11.0.162"))
    faults = [
        proxy.fault("DELETE", "nova/v2.1/servers/", times=2, status=500),
        proxy.fault("DELETE", "neutron/v2.0/ports/", times=2, status=503),
        proxy.fault("GET", "nova/v2.1/servers", times=2, status=502),
    ]
    through("delete_vm", cid)
    assert [one.met for one in faults] == [2, 2, 2]


def test_a_quota_of_ports_is_told_with_its_remedy(tenant, through, order):
    ports = len(list(tenant.member.network.ports(project_id=tenant.project.id)))
    tenant.admin.set_network_quotas(tenant.project.id, port=ports)
    try:
        with pytest.raises(
            VMCreationFailed, match=r"neutron at http.*Quota exceeded.*request req-.*raise the project's quota"
        ):
            through("create_vm", *order("10.11.0.163"))
    finally:
        tenant.admin.set_network_quotas(tenant.project.id, port=-1)


@pytest.mark.parametrize(
    ("what", "method", "path"),
    [
        ("the port", "POST", "neutron/v2.0/ports$"),
        ("the server", "POST", "nova/v2.1/servers$"),
        ("a poll", "GET", "nova/v2.1/servers/[0-9a-f-]+$"),
    ],
)
def test_a_lost_answer_of_create_vm_makes_no_second_one(tenant, proxy, through, order, what, method, path):
    one = proxy.fault(method, path, lose=True)
    cid, _ = through("create_vm", *order("10.11.0.154"), key=f"vm-lost-{what}")
    assert one.met == 1
    assert len(list(tenant.member.compute.servers(details=False))) == 1
    assert len(list(tenant.member.network.ports(network_id=tenant.net.id, device_id=cid))) == 1
    through("delete_vm", cid)


def test_lost_answers_of_the_other_creations(tenant, proxy, through):
    lost = [
        proxy.fault("POST", "cinder/.*/volumes$", lose=True),
        proxy.fault("POST", "cinder/.*/snapshots$", lose=True),
        proxy.fault("POST", "glance/v2/images$", lose=True),
        proxy.fault("DELETE", "cinder/.*/volumes/", lose=True),
        proxy.fault("DELETE", "cinder/.*/snapshots/", lose=True),
    ]
    disk = through("create_disk", 1024, {}, None, key="disk-lost")
    assert [one.id for one in tenant.member.block_storage.volumes()] == [disk]
    snapshot = through("snapshot_disk", disk, {}, key="snapshot-lost")
    assert [one.id for one in tenant.member.block_storage.snapshots()] == [snapshot]
    stemcell = through(
        "create_stemcell", str(stemcell_archive(tenant.folder / "lost")), {"name": "lost"}, key="st-lost"
    )
    assert [one.id for one in tenant.member.image.images(name="lost")] == [stemcell]
    through("delete_stemcell", stemcell)
    through("delete_snapshot", snapshot)
    through("delete_disk", disk)
    assert [one.met for one in lost] == [1] * 5


def test_lost_answers_of_attach_resize_and_detach(proxy, through, order):
    cid, _ = through("create_vm", *order("10.11.0.155"))
    disk = through("create_disk", 1024, {}, cid)
    lost = [
        proxy.fault("POST", "nova/.*/os-volume_attachments$", lose=True),
        proxy.fault("POST", "cinder/.*/action$", lose=True),
        proxy.fault("DELETE", "nova/.*/os-volume_attachments/", lose=True),
        proxy.fault("DELETE", "nova/v2.1/servers/[0-9a-f-]+$", lose=True),
    ]
    assert through("attach_disk", cid, disk)["id"] == disk
    through("resize_disk", disk, 2048)
    through("detach_disk", cid, disk)
    through("delete_vm", cid)
    through("delete_disk", disk)
    assert [one.met for one in lost] == [1] * 4


def test_lost_answers_of_a_managed_network(tenant, proxy, through):
    lost = [
        proxy.fault("POST", "neutron/v2.0/networks$", lose=True),
        proxy.fault("POST", "neutron/v2.0/subnets$", lose=True),
        proxy.fault("PUT", "neutron/.*/add_router_interface$", lose=True),
        proxy.fault("PUT", "neutron/.*/remove_router_interface$", lose=True),
        proxy.fault("DELETE", "neutron/v2.0/networks/", lose=True),
    ]
    definition = {"type": "manual", "range": "10.45.0.0/24", "cloud_properties": {"router": tenant.router.id}}
    cid, _, _ = through("create_network", definition, key="network-lost")
    assert len(list(tenant.member.network.subnets(network_id=cid))) == 1
    through("delete_network", cid)
    assert [one.met for one in lost] == [1] * 5


def test_an_upload_that_breaks_off_leaves_no_image(tenant, proxy, through):
    proxy.fault("PUT", "glance/v2/images/.*/file$", times=9, status=500)
    with pytest.raises(CloudError, match="HTTP 500"):
        through("create_stemcell", str(stemcell_archive(tenant.folder / "broken")), {"name": "broken"}, key="st-broken")
    assert through("find", "stemcell", "st-broken") is None


def test_a_refused_server_takes_its_port_away(proxy, through, order):
    proxy.fault("POST", "nova/v2.1/servers$", status=403, body='{"forbidden": {"message": "Not you"}}')
    with pytest.raises(VMCreationFailed, match=r"Not you \(HTTP 403, request req-of-the-proxy\); .*the role"):
        through("create_vm", *order("10.11.0.156"))


def kill(worker: Cpi) -> None:
    assert worker.client.pid is not None
    os.kill(worker.client.pid, signal.SIGKILL)


def test_a_killed_worker_is_found_by_its_key(tenant, proxy, through, order):
    asked, gate = threading.Event(), threading.Event()

    def held() -> None:
        asked.set()
        gate.wait(20)

    proxy.fault("POST", "nova/v2.1/servers$", then=held)
    call = through.begin("create_vm", *order("10.11.0.157"), key="vm-killed")
    assert asked.wait(60)
    kill(through)
    gate.set()
    with pytest.raises(WorkerDied):
        call.result()
    cid = through("find", "vm", "vm-killed")
    assert cid and tenant.member.compute.get_server(cid).status == "ACTIVE"
    assert through("create_vm", *order("10.11.0.157"), key="vm-killed")[0] == cid
    through("delete_vm", cid)


def test_a_worker_killed_before_the_server_leaves_nothing(tenant, proxy, through, order):
    call = through.begin("create_vm", *order("10.11.0.158"), key="vm-early")
    proxy.fault("POST", "nova/v2.1/servers$", delay=1.5, refuse=True)
    seen(proxy, "POST", "nova/v2.1/servers")
    kill(through)
    with pytest.raises(WorkerDied):
        call.result()
    assert len(list(tenant.member.network.ports(network_id=tenant.net.id, status="DOWN", device_id=""))) == 1
    assert through("find", "vm", "vm-early") is None


def test_a_worker_killed_while_it_deletes_goes_on(tenant, proxy, through, order):
    cid, _ = through("create_vm", *order("10.11.0.159"))
    proxy.fault("DELETE", "neutron/v2.0/ports/", delay=1.5, refuse=True)
    call = through.begin("delete_vm", cid)
    seen(proxy, "DELETE", "neutron/v2.0/ports/")
    kill(through)
    with pytest.raises(WorkerDied):
        call.result()
    assert not through("has_vm", cid)
    through("delete_vm", cid)  # the port that was left


def test_a_vm_that_vanishes(tenant, through, order):
    cid, _ = through("create_vm", *order("10.11.0.160"))
    disk = through("create_disk", 1024, {}, cid)
    tenant.admin.compute.delete_server(cid)
    tenant.admin.compute.wait_for_delete(tenant.admin.compute.get_server(cid), interval=0.3, wait=30)
    with pytest.raises(VMNotFound):
        through("attach_disk", cid, disk)
    with pytest.raises(VMNotFound):
        through("reboot_vm", cid)
    assert not through("has_vm", cid)
    through("delete_disk", disk)
    # the dead VM's address serves another at once
    other, _ = through("create_vm", *order("10.11.0.160"))
    through("delete_vm", other)


def test_a_vm_that_vanishes_while_it_is_made(tenant, proxy, through, order):
    def vanish() -> None:
        for server in tenant.member.compute.servers(details=False):
            tenant.admin.compute.delete_server(server.id)

    proxy.fault("POST", "nova/v2.1/servers$", then=vanish)
    with pytest.raises(VMCreationFailed, match="it is gone") as failed:
        through("create_vm", *order("10.11.0.161"))
    assert failed.value.ok_to_retry


def test_a_volume_that_is_stuck_is_told_with_a_remedy(tenant, through):
    disk = through("create_disk", 1024, {}, None)
    tenant.admin.block_storage.reset_volume_status(disk, "detaching", None, None)
    with pytest.raises(CloudError, match=r"still detaching after 2 s \(state_timeout\).*reset its state"):
        through("delete_disk", disk, state_timeout=2)
    tenant.admin.block_storage.reset_volume_status(disk, "available", None, None)
    through("delete_disk", disk)
    with pytest.raises(DiskNotFound):
        through("resize_disk", disk, 4096)


def test_a_volume_that_fails_is_removed(tenant, proxy, through):
    def spoil() -> None:
        for volume in tenant.member.block_storage.volumes():
            tenant.admin.block_storage.wait_for_status(volume, "available", ["error"], 0.2, 20)
            tenant.admin.block_storage.reset_volume_status(volume.id, "error", None, None)

    proxy.fault("POST", "cinder/.*/volumes$", then=spoil)
    with pytest.raises(CloudError, match="leaves it error; see cinder's log"):
        through("create_disk", 1024, {}, None)
