"""One lab with vCenter, watcher and director for all tests of this folder."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("pyVmomi", reason="pyvmomi is not installed (bin/setup --clouds)")

from tests.clouds.vsphere.deploy import vsphere_site
from tests.programs import need

pytest.register_assert_rewrite("tests.clouds.deploys.story")  # what differs is told

ORDER = ("test_vsphere_deploy", "test_vsphere_guests", "test_vsphere_deploy_faults", "test_vsphere_teardown")
"""Any file runs alone; in this order none has to deploy anew what another one has deployed."""


def pytest_collection_modifyitems(items):
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    for item in ours:
        item.add_marker(pytest.mark.clouds)
        item.add_marker(pytest.mark.timeout(480))
    places = [place for place, item in enumerate(items) if item in ours]
    for place, item in zip(places, sorted(ours, key=lambda item: ORDER.index(item.path.stem)), strict=True):
        items[place] = item


@pytest.fixture(scope="session")
def site():
    need("go")
    built = vsphere_site.build()
    yield built
    built.down()
