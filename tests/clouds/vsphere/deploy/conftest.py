"""One lab with vCenter, watcher and director for all tests of this folder."""

from __future__ import annotations

import pytest

pytest.importorskip("pyVmomi", reason="pyvmomi is not installed (bin/setup --clouds)")

from tests.clouds.vsphere.deploy import vsphere_site
from tests.programs import need


@pytest.fixture(scope="session")
def site():
    need("go")
    built = vsphere_site.build()
    yield built
    built.down()
