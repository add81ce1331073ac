"""A lab with libvirt's QEMU driver, a storage pool, a worker inside, and the bootable stemcell of this tree."""

from __future__ import annotations

import asyncio
import os
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("libvirt", reason="libvirt's binding is not installed (bin/setup --lab)")

from cpi.client import WorkerClient
from tests.clouds.libvirt.machines import World
from tests.programs import need


@pytest.fixture(scope="session")
def world():
    need("qemu-system-x86_64", "qemu-img")
    if os.geteuid() != 0:
        pytest.skip("the lab needs root")
    with World.laid("kvm") as made:
        yield made


@pytest.fixture
async def client(world, tmp_path):
    made = WorkerClient("libvirt", prefix=world.lab.command([]), lock=tmp_path / "worker.lock")
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def call(world, client):
    """`await call(method, *arguments, key=..., PROPERTY=...)` through the warm worker."""

    async def ask(method, *arguments, deadline=240.0, log=None, **more):
        return await client.call(method, arguments, {**world.context, **more}, deadline, log)

    return ask


@pytest.fixture(scope="session")
def blank(tmp_path_factory) -> Path:
    """A disk that nothing boots from: enough for all that needs no guest."""
    path = tmp_path_factory.mktemp("blank") / "blank.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, "32M"], check=True)
    return path


@pytest.fixture
async def vm(call, world, blank):
    """Makes VMs that boot nothing, and removes them, with all disks, after the test; then nothing may be left."""
    made: list[str] = []
    stemcell = await call("create_stemcell", str(blank), {"name": "blank"}, key="stemcell-blank")

    async def make(key="vm-1", last=20, properties=None, networks=None, **more):
        nets = networks or world.networks(last)
        arguments = [f"agent-{key}", stemcell, properties or {"memory": 64}, nets, [], {}]
        cid, _ = await call("create_vm", *arguments, key=key, **more)
        made.append(cid)
        return cid

    make.stemcell = stemcell
    yield make
    await asyncio.gather(*(call("delete_vm", cid) for cid in dict.fromkeys(made)))
    for name in world.volumes():
        if "-disk-" in name:
            await call("delete_disk", name.rpartition(".")[0])
    await call("delete_stemcell", stemcell)
    assert world.leftovers() == []
