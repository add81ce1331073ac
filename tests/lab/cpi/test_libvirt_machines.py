"""Machines of the libvirt CPI on a real libvirtd, with an empty disk: what needs no guest to boot (tests/clouds/libvirt has the rest)."""

from __future__ import annotations

import os
import subprocess

import pytest

from cpi.contract import CloudError, DiskNotAttached, StemcellNotFound, VMNotFound
from lab import storage
from tests.lab.cpi.conftest import networks
from tests.programs import need


@pytest.fixture
def machines(world, call):
    """`await machines(method, ...)`: the same worker, for machines."""
    need("qemu-system-x86_64", "qemu-img")
    pool = world.folder / "pool"
    storage.start(world.lab.record, pool)
    uri = storage.machine_uri(world.lab.record)

    async def ask(method, *arguments, **more):
        return await call(method, *arguments, **{"virt_type": "qemu", "uri": uri, **more})

    yield ask
    assert os.listdir(pool) == []


async def test_a_machine_from_its_creation_to_its_end(world, machines, tmp_path):
    blank = tmp_path / "blank.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", blank, "32M"], check=True)
    assert (await machines("info"))["stemcell_formats"][0] == "libvirt-qcow2"
    stemcell = await machines("create_stemcell", str(blank), {}, key="stemcell-1")
    arguments = ["agent-1", stemcell, {"memory": 64, "ephemeral_disk": 40}, networks(70), [], {}]
    with pytest.raises(CloudError, match="unknown property 'memroy'; did you mean 'memory'"):
        await machines("create_vm", "agent-1", stemcell, {"memroy": 64}, networks(70), [], {}, key="vm-1")
    with pytest.raises(StemcellNotFound):
        await machines("create_vm", "agent-1", "other", *arguments[2:], key="vm-1")
    told: list[str] = []
    cid, settled = await machines("create_vm", *arguments, key="vm-1", log=told.append)
    assert settled["default"]["mac"] == "52:54:0a:4d:00:46"
    assert (await machines("create_vm", *arguments, key="vm-1"))[0] == cid
    assert await machines("find", "vm", "vm-1") == cid
    assert (await machines("vm_status", [cid], 100))[cid]["power"] == "on"
    disk = await machines("create_disk", 16, {}, cid, key="disk-1")
    hint = await machines("attach_disk", cid, disk)
    assert await machines("attach_disk", cid, disk) == hint
    assert await machines("get_disks", cid) == [disk]
    await machines("resize_disk", disk, 24)
    with pytest.raises(CloudError, match=f"is attached to VM '{cid}'"):
        await machines("delete_disk", disk)
    snapshot = await machines("snapshot_disk", disk, {}, key="snapshot-1")
    await machines("detach_disk", cid, disk)
    with pytest.raises(DiskNotAttached):
        await machines("detach_disk", cid, disk)
    with pytest.raises(CloudError, match="is the root of"):
        await machines("delete_stemcell", stemcell)
    await machines("delete_vm", cid)
    assert await machines("has_vm", cid) is False
    with pytest.raises(VMNotFound):
        await machines("reboot_vm", cid)
    for method, one in (("delete_snapshot", snapshot), ("delete_disk", disk), ("delete_stemcell", stemcell)):
        await machines(method, one)
        await machines(method, one)
