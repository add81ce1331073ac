"""One lab with a director and libvirt's QEMU driver for all tests of this folder."""

from __future__ import annotations

import os

import pytest

pytest.importorskip("libvirt", reason="libvirt's binding is not installed (bin/setup --lab)")
from tests.programs import need


@pytest.fixture(scope="session")
def site():
    need("qemu-system-x86_64", "qemu-img")
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    from tests.clouds.libvirt.deploy import machine_site

    built = machine_site.build()
    yield built
    built.down()
