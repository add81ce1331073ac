"""One lab with watcher and director for all tests of this folder, on the OpenStack of the session."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

ORDER = ("test_openstack_deploy", "test_openstack_guests", "test_openstack_deploy_faults", "test_openstack_teardown")
"""Any file runs alone; in this order none has to deploy anew what another one has deployed."""


def pytest_collection_modifyitems(items):
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    places = [place for place, item in enumerate(items) if item in ours]
    for place, item in zip(places, sorted(ours, key=lambda item: ORDER.index(item.path.stem)), strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def site(stack, tmp_path_factory):
    from tests.clouds.openstack.deploy import openstack_site
    from tests.clouds.openstack.tenant import Tenant

    tenant = Tenant(stack, tmp_path_factory.mktemp("deployed"))  # of its own: a director's keys are its project's
    built = openstack_site.build(tenant)
    yield built
    built.down()
    with warnings.catch_warnings():  # the last test of the session may be another folder's
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        tenant.remove()
