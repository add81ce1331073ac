"""A stock cloud image becomes a stemcell, and a machine of it answers its director: cloud-init brings the agent at the first start.

The image is one of Debian's packages as its own builders choose them, or a published one that `MERISTEM_STOCK_IMAGE` names."""

from __future__ import annotations

import os
import subprocess

import pytest

pytest.importorskip("libvirt", reason="libvirt's binding is not installed (bin/setup --lab)")

from cpi.client import WorkerClient
from tests.clouds.libvirt.bus import Bus
from tests.clouds.libvirt.machines import World
from tests.clouds.stemcells import stock_image
from tests.e2e.lab.site import MERISTEM
from tests.programs import need

AGENT = "agent-stock"
BOOT = 600
"""Seconds: on an emulated processor most of them are cloud-init's own, in four processes of Python."""


@pytest.fixture
def world():
    need("qemu-system-x86_64", "qemu-img")
    if os.geteuid() != 0:
        pytest.skip("building an image needs root")
    with World.laid("stk") as made:
        yield made


@pytest.fixture
def image(tmp_path):
    """What a director hands to the CPI out of the stemcell."""
    disk, stemcell = stock_image.image(tmp_path), tmp_path / "stemcell.tgz"
    words = [
        MERISTEM,
        "stemcell",
        "build",
        "stock-debian",
        "--from-image",
        disk,
        "--os",
        "debian-12",
        "--out",
        stemcell,
    ]
    subprocess.run(words, check=True)
    subprocess.run(["tar", "-xzf", stemcell, "-C", tmp_path, "image"], check=True)
    return tmp_path / "image"


@pytest.fixture
def bus(world):
    made = Bus(world.lab, world.folder / "bus")
    yield made
    made.close()


@pytest.fixture
async def client(world, tmp_path):
    made = WorkerClient("libvirt", prefix=world.lab.command([]), lock=tmp_path / "worker.lock")
    await made.start()
    yield made
    await made.close()


async def test_the_agent_of_a_stock_image_answers_and_comes_back_after_a_reboot(world, image, bus, client):
    async def call(method, *arguments, **more):
        return await client.call(method, arguments, {**world.context, **more}, 240.0, None)

    stemcell = await call("create_stemcell", str(image), {"disk_format": "qcow2"}, key="stemcell-stock")
    properties = {"memory": 512, "root_disk": 4096, "ephemeral_disk": 200}
    order = [AGENT, stemcell, properties, world.networks(31), [], {"bosh": bus.env}]
    vm, _ = await call("create_vm", *order, key="vm-stock")
    try:
        assert bus.ask(AGENT, "ping", seconds=BOOT) == "pong"
        state = bus.ask(AGENT, "get_state", "full", seconds=60)
        assert (state["agent_id"], state["vm"]["name"]) == (AGENT, vm)
        assert {"system", "ephemeral"} <= state["vitals"]["disk"].keys()
        told = (world.pool / f"{vm}.console").read_text(errors="replace")
        assert f"settings of agent {AGENT} come from config drive" in told
        assert "meristem-setup: is done" in told
        before = (await call("vm_status", [vm], 0))[vm]["boot"]
        await call("reboot_vm", vm)
        assert (await call("vm_status", [vm], 0))[vm]["boot"] != before
        assert bus.ask(AGENT, "ping", seconds=BOOT) == "pong"
    except AssertionError as error:
        error.add_note(f"its console ends:\n{world.console(vm)}")
        raise
    finally:
        await call("delete_vm", vm)
        await call("delete_stemcell", stemcell)
