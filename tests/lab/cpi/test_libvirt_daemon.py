"""The libvirt CPI while libvirtd goes and comes back."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest

from cpi.contract import CloudError


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


async def test_a_container_orphaned_while_libvirtd_was_down_is_not_doubled(vm, world, call):
    cid = await vm("vm-orphan", 60)
    world.booted(cid)
    disk = await call("create_disk", 16, {}, cid)
    await call("attach_disk", cid, disk)
    daemon = int((Path(world.lab.record.directory) / "run" / "libvirtd.pid").read_text())
    command = Path(f"/proc/{daemon}/cmdline").read_text().rstrip("\0").split("\0")
    supervisor, init = int(world.virsh("domid", cid)), world.init_of(cid)
    os.kill(daemon, 9)
    try:
        while _state(daemon) not in ("Z", "gone"):
            await asyncio.sleep(0.01)
        # the last of its threads may still be about to let go of the socket
        with pytest.raises(CloudError, match=r"Connection (refused|reset)") as error:
            await call("has_vm", cid)
        assert error.value.facts.endpoint == world.lab.libvirt_uri
        os.kill(supervisor, 9)
        await asyncio.sleep(0.2)
        assert _state(init) not in ("Z", "gone")  # libvirt has lost sight of a container that lives
    finally:
        world.lab.exec(command)
    deadline = time.monotonic() + 120
    while True:
        try:
            assert await call("has_vm", cid) is True
            break
        except CloudError:
            assert time.monotonic() < deadline, "libvirtd does not come back"
            await asyncio.sleep(0.1)
    await call("reboot_vm", cid)
    assert _state(init) in ("Z", "gone")
    assert world.booted(cid) == "running"
    assert world.init_of(cid) != init
    assert await call("get_disks", cid) == [disk]
    await call("detach_disk", cid, disk)


async def test_a_domain_of_somebody_else_is_left_alone(world, call, tmp_path):
    xml = tmp_path / "foreign.xml"
    name = f"foreign-{world.name}"
    xml.write_text(
        f"<domain type='lxc'><name>{name}</name><memory unit='MiB'>64</memory><os><type>exe</type>"
        "<init>/bin/sleep</init></os><devices><console type='pty'/></devices></domain>"
    )
    world.virsh("define", str(xml))
    try:
        assert await call("has_vm", name) is False
        with pytest.raises(CloudError, match="was not made by this CPI; it is left alone"):
            await call("delete_vm", name)
        assert name in world.virsh("list", "--all", "--name").split()
    finally:
        world.virsh("undefine", name)
