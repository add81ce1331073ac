"""One lab for all tests of this folder: OpenStack, a vCenter and libvirt's containers, and one director for the three."""

from __future__ import annotations

import os
import warnings

import pytest

from lab.openstack.shared import shared
from tests.programs import need


@pytest.fixture(scope="session")
def tenant(tmp_path_factory):
    pytest.importorskip("openstack", reason="the OpenStack CPI's packages are not installed: bin/setup --clouds")
    from tests.clouds.openstack.tenant import Tenant

    with shared() as stack:
        made = Tenant(stack, tmp_path_factory.mktemp("several"))
        yield made
        with warnings.catch_warnings():  # outside of any test
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            made.remove()


@pytest.fixture(scope="session")
def site(tenant):
    pytest.importorskip("pyVmomi", reason="pyvmomi is not installed (bin/setup --clouds)")
    need("go")
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    from tests.clouds.several import several_site

    built = several_site.build(tenant)
    yield built
    built.down()
