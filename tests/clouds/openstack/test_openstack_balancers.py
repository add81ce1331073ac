"""Load balancers' pools, against the stand-in for octavia that the lab's catalogue leads to."""

from __future__ import annotations

import pytest

from cpi.contract import CloudError, VMCreationFailed
from tests.clouds.openstack.balancers import Balancers
from tests.clouds.openstack.tenant import Cpi


@pytest.fixture
def balancers(tenant):
    made = Balancers(tenant, "web", "tls")
    yield made
    made.close()


@pytest.fixture
def balanced(tenant, balancers):
    """A worker that signs in after octavia came into the catalogue."""
    worker = Cpi(tenant.properties)
    yield worker
    worker.close()


def order(tenant, stemcell, ip, *pools):
    wanted = {"instance_type": tenant.small, "loadbalancer_pools": list(pools)}
    return ["agent", stemcell, wanted, {"a": tenant.manual(ip)}, [], {}]


def test_a_vm_is_a_member_of_its_pools_as_long_as_it_lives(tenant, stemcell, balancers, balanced, same):
    pools = [
        {"name": "web", "port": 8080},
        {"name": "web", "port": 8081},
        {"name": balancers.pools["tls"], "port": 443},
    ]
    cid, _ = balanced("create_vm", *order(tenant, stemcell, "10.11.0.120", *pools), key="vm-balanced")
    web, tls = (balancers.members[balancers.pools[name]] for name in ("web", "tls"))
    assert [(one["address"], one["protocol_port"]) for one in web] == [("10.11.0.120", 8080), ("10.11.0.120", 8081)]
    assert [(one["address"], one["protocol_port"]) for one in tls] == [("10.11.0.120", 443)]
    assert {one["subnet_id"] for one in [*web, *tls]} == {tenant.subnet.id}
    assert balancers.refusals > 0  # the second member had to wait for the first
    other, _ = balanced("create_vm", *order(tenant, stemcell, "10.11.0.121", pools[0]))
    balanced("delete_vm", cid)
    assert [one["address"] for one in balancers.members[balancers.pools["web"]]] == ["10.11.0.121"]
    assert balancers.members[balancers.pools["tls"]] == []
    balanced("delete_vm", other)
    assert not any(balancers.members.values())


def test_a_creation_that_fails_leaves_no_member(tenant, stemcell, balancers, balanced, same):
    tenant.admin.set_compute_quotas(tenant.project.id, instances=0)
    try:
        with pytest.raises(VMCreationFailed, match="Quota exceeded"):
            balanced("create_vm", *order(tenant, stemcell, "10.11.0.122", {"name": "web", "port": 80}))
    finally:
        tenant.admin.set_compute_quotas(tenant.project.id, instances=100)
    assert not any(balancers.members.values())
    with pytest.raises(CloudError, match="0 pools are called 'nosuch'; there are: tls, web"):
        balanced("create_vm", *order(tenant, stemcell, "10.11.0.122", {"name": "nosuch", "port": 80}))
