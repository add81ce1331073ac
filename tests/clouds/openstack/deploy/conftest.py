"""One lab with watcher and director for all tests of this folder, on the OpenStack of the session."""

from __future__ import annotations

import warnings

import pytest


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
