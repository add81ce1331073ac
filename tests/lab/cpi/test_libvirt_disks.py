"""Persistent disks of the libvirt CPI on a real libvirtd."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess

import pytest

from cpi.client import WorkerClient
from cpi.contract import CloudError, DiskNotAttached, DiskNotFound, NotSupported, WorkerDied


async def test_data_survives_detach_attach_reboot_and_the_vm(vm, world, call):
    cid = await vm("vm-1", 20)
    world.booted(cid)
    disk = await call("create_disk", 64, {}, cid, key="disk-1")
    assert disk == f"{world.name}-disk-1"
    assert await call("has_disk", disk) is True
    hint = await call("attach_disk", cid, disk)
    assert hint == {"path": "/dev/sdb", "partition": False}
    assert await call("attach_disk", cid, disk) == hint
    assert await call("get_disks", cid) == [disk]
    world.run(cid, "mkfs.ext4", "-q", "/dev/sdb")
    world.run(cid, "mount", "/dev/sdb", "/mnt")
    world.run(cid, "sh", "-c", "echo kept > /mnt/file")
    with pytest.raises(CloudError, match=f"is mounted at /mnt in VM '{cid}'; unmount it there first"):
        await call("detach_disk", cid, disk)
    assert world.run(cid, "cat", "/mnt/file") == "kept"
    world.run(cid, "umount", "/mnt")
    await call("detach_disk", cid, disk)
    assert world.run(cid, "ls", "/dev/sdb", check=False) == ""
    assert world.loops() == []
    with pytest.raises(DiskNotAttached):
        await call("detach_disk", cid, disk)
    assert await call("attach_disk", cid, disk) == hint
    await call("reboot_vm", cid)
    world.booted(cid)
    world.run(cid, "mount", "/dev/sdb", "/mnt")
    assert world.run(cid, "cat", "/mnt/file") == "kept"
    await call("delete_vm", cid)
    assert await call("has_disk", disk) is True
    assert world.loops() == []
    other = await vm("vm-2", 21)
    world.booted(other)
    assert await call("attach_disk", other, disk) == hint
    world.run(other, "mount", "/dev/sdb", "/mnt")
    assert world.run(other, "cat", "/mnt/file") == "kept"
    world.run(other, "umount", "/mnt")


async def test_several_disks_have_their_own_names(vm, world, call):
    cid = await vm("vm-1", 22)
    world.booted(cid)
    first, second, third = [await call("create_disk", 16, {}, None) for _ in range(3)]
    hints = [(await call("attach_disk", cid, disk))["path"] for disk in (first, second)]
    assert hints == ["/dev/sdb", "/dev/sdc"]
    await call("detach_disk", cid, first)
    assert (await call("attach_disk", cid, third))["path"] == "/dev/sdb"
    assert set(await call("get_disks", cid)) == {second, third}
    sizes = [int(world.run(cid, "blockdev", "--getsize64", f"/dev/sd{letter}")) for letter in "bc"]
    assert sizes == [16 << 20, 16 << 20]


async def test_a_disk_is_on_one_vm_only(vm, call):
    one, two = await vm("vm-1", 23), await vm("vm-2", 24)
    disk = await call("create_disk", 16, {}, None)
    await call("attach_disk", one, disk)
    with pytest.raises(CloudError, match=f"is attached to VM '{one}'; detach it there first"):
        await call("attach_disk", two, disk)
    with pytest.raises(DiskNotAttached):
        await call("detach_disk", two, disk)
    with pytest.raises(CloudError, match=f"is attached to VM '{one}'"):
        await call("delete_disk", disk)


async def test_growing_is_seen_at_once_and_shrinking_refused(vm, world, call):
    cid = await vm("vm-1", 25)
    world.booted(cid)
    disk = await call("create_disk", 16, {}, None)
    await call("resize_disk", disk, 24)
    await call("attach_disk", cid, disk)
    assert int(world.run(cid, "blockdev", "--getsize64", "/dev/sdb")) == 24 << 20
    await call("resize_disk", disk, 40)
    assert int(world.run(cid, "blockdev", "--getsize64", "/dev/sdb")) == 40 << 20
    with pytest.raises(NotSupported, match="cannot shrink to 8"):
        await call("resize_disk", disk, 8)
    await call("detach_disk", cid, disk)
    assert await call("update_disk", disk, 48, {}) is None
    with pytest.raises(CloudError, match="unknown property 'type'"):
        await call("update_disk", disk, 48, {"type": "fast"})
    await call("set_disk_metadata", disk, {"deployment": "d"})


async def test_unknown_disks_and_the_same_key(vm, call):
    cid = await vm("vm-1", 26)
    for method, arguments in (
        ("attach_disk", [cid, "disk-x"]), ("detach_disk", [cid, "disk-x"]), ("resize_disk", ["disk-x", 5]),
        ("update_disk", ["disk-x", 5, {}]), ("set_disk_metadata", ["disk-x", {}]),
    ):  # fmt: skip
        with pytest.raises(DiskNotFound, match="disk-x"):
            await call(method, *arguments)
    await call("delete_disk", "disk-x")
    assert await call("has_disk", "disk-x") is False
    disk = await call("create_disk", 16, {}, None, key="disk-same")
    assert await call("create_disk", 16, {}, None, key="disk-same") == disk
    assert await call("find", "disk", "disk-same") == disk
    assert await call("find", "disk", "disk-none") is None
    with pytest.raises(CloudError, match="exists with 16 MiB, not 32"):
        await call("create_disk", 32, {}, None, key="disk-same")


async def test_a_vm_that_is_off_keeps_its_disks(vm, world, call):
    cid = await vm("vm-1", 27)
    world.booted(cid)
    first, second = [await call("create_disk", 16, {}, None) for _ in range(2)]
    await call("attach_disk", cid, first)
    world.virsh("destroy", cid)
    # A restart of the host takes the loop devices away.
    for loop in world.loops():
        os.system(f"losetup -d /dev/{loop}")
    await call("attach_disk", cid, second)
    await call("reboot_vm", cid)
    world.booted(cid)
    assert int(world.run(cid, "blockdev", "--getsize64", "/dev/sdb")) == 16 << 20
    assert int(world.run(cid, "blockdev", "--getsize64", "/dev/sdc")) == 16 << 20
    await call("detach_disk", cid, first)
    await call("detach_disk", cid, second)


@pytest.mark.parametrize("method", ["attach_disk", "detach_disk"])
@pytest.mark.parametrize("delay", [0.002, 0.008, 0.015, 0.03])
async def test_a_worker_killed_in_between(method, delay, vm, world, call, tmp_path):
    cid = await vm("vm-1", 28)
    disk = await call("create_disk", 16, {}, None, key="disk-killed")
    if method == "detach_disk":
        await call("attach_disk", cid, disk)
    client = WorkerClient("libvirt", prefix=world.lab.command([]), lock=tmp_path / "killed.lock")
    await client.start()
    await client.call("has_vm", [cid], world.context)
    going = asyncio.create_task(client.call(method, [cid, disk], world.context))
    await asyncio.sleep(delay)
    if not going.done():
        os.kill(client.pid, 9)
    with contextlib.suppress(WorkerDied):
        await going
    await client.close()
    if method == "attach_disk":
        assert await call("attach_disk", cid, disk) == {"path": "/dev/sdb", "partition": False}
        assert world.run(cid, "blockdev", "--getsize64", "/dev/sdb") == str(16 << 20)
    try:
        await call("detach_disk", cid, disk)
    except DiskNotAttached:
        assert method == "detach_disk"
    assert world.run(cid, "ls", "/dev/sdb", check=False) == ""
    assert world.loops() == []


async def test_a_snapshot_is_the_disk_at_one_moment(vm, world, call):
    cid = await vm("vm-1", 29)
    world.booted(cid)
    disk = await call("create_disk", 64, {}, cid)
    await call("attach_disk", cid, disk)
    world.run(cid, "mkfs.ext4", "-q", "/dev/sdb")
    world.run(cid, "mount", "/dev/sdb", "/mnt")
    world.run(cid, "sh", "-c", "echo first > /mnt/file")  # not synced: the snapshot must see to it
    snapshot = await call("snapshot_disk", disk, {"deployment": "d"}, key="snapshot-1")
    world.run(cid, "sh", "-c", "echo second > /mnt/file; sync")  # the file system is thawed
    assert await call("find", "snapshot", "snapshot-1") == snapshot
    assert await call("snapshot_disk", disk, {}, key="snapshot-1") == snapshot
    copy = world.state / "snapshots" / snapshot / "disk.raw"
    assert copy.stat().st_size == 64 << 20
    assert copy.stat().st_blocks * 512 < 32 << 20
    text = subprocess.run(["debugfs", "-R", "cat /file", copy], capture_output=True, text=True).stdout
    assert text == "first\n"
    assert subprocess.run(["e2fsck", "-fn", copy], capture_output=True).returncode in (0, 4)
    await call("delete_snapshot", snapshot)
    await call("delete_snapshot", snapshot)
    assert await call("find", "snapshot", "snapshot-1") is None
    world.run(cid, "umount", "/mnt")
    await call("detach_disk", cid, disk)
    offline = await call("snapshot_disk", disk, {})
    copy = world.state / "snapshots" / offline / "disk.raw"
    text = subprocess.run(["debugfs", "-R", "cat /file", copy], capture_output=True, text=True).stdout
    assert text == "second\n"
    await call("delete_snapshot", offline)
    with pytest.raises(DiskNotFound):
        await call("snapshot_disk", "disk-x", {})


# the worker reads this file before anything else: between the first byte and the last there is time enough to kill it
SLOW_COPIES = """
import os, time
copy = os.copy_file_range
def slowly(*words):
    time.sleep(30)
    return copy(*words)
os.copy_file_range = slowly
"""


async def test_a_frozen_file_system_is_thawed_when_the_worker_is_killed(vm, world, call, tmp_path):
    cid = await vm("vm-1", 30)
    world.booted(cid)
    disk = await call("create_disk", 512, {}, cid)
    await call("attach_disk", cid, disk)
    world.run(cid, "mkfs.ext4", "-q", "/dev/sdb")
    world.run(cid, "mount", "/dev/sdb", "/mnt")
    world.run(cid, "sh", "-c", "head -c 2000000 /dev/urandom > /mnt/file")
    (tmp_path / "sitecustomize.py").write_text(SLOW_COPIES)
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    lock = tmp_path / "killed.lock"
    client = WorkerClient("libvirt", prefix=world.lab.command([]), lock=lock, environment=environment)
    await client.start()
    going = asyncio.create_task(client.call("snapshot_disk", [disk, {}], {**world.context, "key": "snapshot-k"}))
    copy = world.state / "snapshots" / f"{world.name}-snapshot-k" / "disk.raw"
    while not going.done() and not copy.exists():
        await asyncio.sleep(0.002)
    killed = not going.done()
    os.kill(client.pid, 9)
    with contextlib.suppress(WorkerDied):
        await going
    await client.close()
    assert killed
    world.run(cid, "timeout", "20", "sh", "-c", "echo more > /mnt/more; sync")
    assert await call("find", "snapshot", "snapshot-k") is None
    assert not copy.parent.exists()
    world.run(cid, "umount", "/mnt")
