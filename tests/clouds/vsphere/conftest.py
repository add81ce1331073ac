"""A simulated vCenter for all tests of this folder; each test has folders of its own and leaves them empty."""

from __future__ import annotations

import itertools
import os
import random

import pytest

pytest.importorskip("pyVmomi", reason="pyvmomi is not installed (bin/setup --clouds)")

from lab.vsphere import server
from tests.clouds.vsphere import faulty_wire, stemcell_image
from tests.clouds.vsphere.cloud import Cloud
from tests.clouds.vsphere.vcenter_api import Api
from tests.programs import need

NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def vcenter(tmp_path_factory):
    need("go")
    folder = tmp_path_factory.mktemp("vcenter") / "lab"
    yield server.up(folder)
    server.down(folder)


@pytest.fixture(scope="session")
def api(vcenter):
    made = Api(vcenter)
    yield made
    made.close()


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    disk = random.Random(7).randbytes(300_000)
    path = stemcell_image.write(tmp_path_factory.mktemp("image") / "image", disk)
    path.with_suffix(".disk").write_bytes(disk)
    return path


@pytest.fixture
def wire(vcenter, tmp_path):
    made = faulty_wire.open_wire(vcenter.address, tmp_path)
    yield made
    faulty_wire.close(made)


@pytest.fixture
def cloud(vcenter, api, monkeypatch, tmp_path):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    number = next(NUMBERS)
    made = Cloud(vcenter, f"t{os.getpid()}-{number}")
    files = set(api.files())
    yield made
    made.clean()
    left = [name for name in api.vm_names() if made.owns(name)]
    assert left == [], "VMs are left"
    assert sorted(set(api.files()) - files) == [], "files are left"


@pytest.fixture
def stemcell(cloud, image):
    return cloud.create_stemcell(image)
