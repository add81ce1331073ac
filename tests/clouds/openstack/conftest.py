"""The OpenStack lab (found running, or brought up for these tests), a project in it, a worker with the plugin."""

from __future__ import annotations

import warnings

import pytest

from lab.openstack.shared import shared


@pytest.fixture(scope="session")
def stack():
    pytest.importorskip("openstack", reason="the OpenStack CPI's packages are not installed: bin/setup --clouds")
    with shared() as running:
        yield running


@pytest.fixture(scope="session")
def tenant(stack, tmp_path_factory):
    from tests.clouds.openstack.tenant import Tenant

    made = Tenant(stack, tmp_path_factory.mktemp("openstack"))
    yield made
    with warnings.catch_warnings():  # the last test of the session may be another folder's
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        made.remove()


@pytest.fixture(scope="session")
def cpi(tenant):
    from tests.clouds.openstack.tenant import Cpi

    worker = Cpi(tenant.properties)
    yield worker
    worker.close()


@pytest.fixture(scope="session")
def stemcell(tenant, cpi):
    """A heavy stemcell for VMs."""
    from tests.clouds.openstack.tenant import stemcell_archive

    archive = stemcell_archive(tenant.folder / "image")
    cid = cpi("create_stemcell", str(archive), {"name": "m", "version": "1", "disk_format": "raw"})
    yield cid
    cpi("delete_stemcell", cid)


@pytest.fixture
def same(tenant):
    """What the project has after a test is what it had before."""
    before = tenant.inventory()
    yield
    assert tenant.inventory() == before


@pytest.fixture
def boot(tenant, cpi, stemcell, same):
    from tests.clouds.openstack.booted import Booted

    booted = Booted(tenant, cpi, stemcell)
    yield booted
    for cid in booted.made:
        cpi("delete_vm", cid)
