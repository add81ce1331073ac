"""One lab with a director and libvirt's QEMU driver for all tests of this folder."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

pytest.importorskip("libvirt", reason="libvirt's binding is not installed (bin/setup --lab)")
from tests.programs import need

pytest.register_assert_rewrite("tests.clouds.deploys.story")  # what differs is told

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items):
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.timeout(900))  # machines boot one after the other, on an emulated processor


@pytest.fixture(scope="session")
def site():
    need("qemu-system-x86_64", "qemu-img")
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    from tests.clouds.libvirt.deploy import machine_site

    built = machine_site.build()
    yield built
    built.down()
