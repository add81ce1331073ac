"""A stock cloud image as stemcell: Debian with cloud-init and nothing of ours in it, as a distribution's builder makes it."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from stemcells import disk, tree
from stemcells.__main__ import main as stemcells
from stemcells.build import default_cache
from stemcells.recipe import load
from tests.clouds.libvirt.authority import bus_env

PACKAGES = ["cloud-init", "dbus", "netplan.io", "openssh-server", "sudo", "systemd", "systemd-sysv", "udev", "iproute2", "python3",
            "fdisk", "e2fsprogs", "kmod", "busybox-static", "linux-image-cloud-amd64", "monit", "qemu-guest-agent"]  # fmt: skip
"""monit is in it because the lab has no package mirror; a real image installs it at the first start."""
HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def cloud_image(tmp_path_factory) -> Path:
    recipe = replace(load("debian-12", machine=True), customize=HERE / "cloud_image.sh")
    cache, work = default_cache(), tmp_path_factory.mktemp("cloud-image")
    cache.mkdir(parents=True, exist_ok=True)
    made = tree.make(recipe, PACKAGES, cache, print)
    root = work / "root"
    root.mkdir()
    # The cached tree is open-ended: tar says so, and unpacks all of it.
    subprocess.run(["tar", "-xzf", made.archive, "--numeric-owner", "-p", "-C", root], check=False, capture_output=True)
    assert recipe.machine is not None
    disk.make(root, recipe.machine, 1, work / "cloud.qcow2")
    return work / "cloud.qcow2"


async def test_a_cloud_image_becomes_a_vm_with_an_agent(call, world, cloud_image, tmp_path):
    out = tmp_path / "stock.tgz"
    assert stemcells(["build", "stock", "--from-image", str(cloud_image), "--os", "debian-12", "--out", str(out)]) == 0
    subprocess.run(["tar", "-xzf", out, "-C", tmp_path, "image"], check=True)
    stemcell = await call("create_stemcell", str(tmp_path / "image"), {}, key="stemcell-stock")
    cid = None
    try:
        arguments = [
            "agent-stock",
            stemcell,
            {"memory": 512},
            world.networks(50),
            [],
            {"bosh": bus_env(tmp_path / "bus")},
        ]
        cid, _ = await call("create_vm", *arguments, key="vm-stock")
        print(f"stock image: agent at work after {world.booted(cid, 350):.0f} s")
        assert world.run(cid, "hostname") == "agent-stock"
        assert "10.77.0.50/24" in world.run(cid, "ip -4 addr show")
        assert world.run(cid, "systemctl is-active monit") == "active"
        assert world.run(cid, "id -un vcap") == "vcap"
    finally:
        if cid is not None:
            await call("delete_vm", cid)
        await call("delete_stemcell", stemcell)
    assert world.leftovers() == []
