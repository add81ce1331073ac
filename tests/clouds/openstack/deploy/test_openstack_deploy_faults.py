"""Deployments while OpenStack fails: they go on, or end with one clear error; what the project has afterwards is what the director knows, and no more."""

from __future__ import annotations

import threading

import pytest

from tests.clouds.deploys.kills import kill_the_director, kill_the_worker
from tests.clouds.watched_site import error_of, meanwhile
from tests.e2e.lab.shop import NAME, manifest
from tests.e2e.loopback.api import running

SERVERS, PORTS = "nova/v2.1/servers$", "neutron/v2.0/ports$"


@pytest.fixture(autouse=True)
def shop(site):
    """One store and one web front; afterwards the project has what the director knows."""
    site.api.deploy(wanted(1))
    yield
    site.proxy.calm()
    rows = [row for row in site.api.instances(NAME) if row["vm_cid"]]
    assert set(site.servers()) == {row["vm_cid"] for row in rows}
    assert {port.device_id for port in site.ports().values()} == {row["vm_cid"] for row in rows}
    assert set(site.volumes()) == {row["disk_cid"] for row in rows if row["disk_cid"]}


def wanted(web):
    document = manifest(web=web, stemcell="latest")
    document["instance_groups"][0]["persistent_disk_type"] = "bigger"  # as an earlier file leaves it
    return document


def grown(site):
    """A second web front is made, in spite of all."""
    site.api.deploy(wanted(2))
    assert running(site.api.instances(NAME)) == {"store/0", "web/0", "web/1"}


def test_all_services_are_away_for_a_while(site):
    fault = site.proxy.fault("POST", SERVERS, lose=True)

    def away():
        site.proxy.down = True
        threading.Timer(20, lambda: setattr(site.proxy, "down", False)).start()

    with meanwhile(lambda: fault.met, away):
        grown(site)


@pytest.mark.parametrize("path", [PORTS, SERVERS])
def test_a_lost_answer_in_a_deploy(site, path):
    fault = site.proxy.fault("POST", path, lose=True)
    grown(site)
    assert fault.met == 1


def test_the_worker_is_killed_in_the_middle_of_a_deploy(site):
    kill_the_worker(site, site.proxy.fault("POST", SERVERS, delay=1), wanted(2))


def test_the_director_is_killed_in_the_middle_of_a_deploy(site):
    kill_the_director(site, site.proxy.fault("POST", SERVERS, delay=1), wanted(2))


def test_a_quota_ends_the_deploy_with_one_clear_error(site):
    tenant = site.tenant
    tenant.admin.set_compute_quotas(tenant.project.id, instances=len(site.servers()))
    try:
        told = error_of(site.api.deploy(wanted(2), expect="error"))
        for part in ("Quota exceeded for instances", "request req-", "raise the project's quota"):
            assert part in told, told
    finally:
        tenant.admin.set_compute_quotas(tenant.project.id, instances=100)
