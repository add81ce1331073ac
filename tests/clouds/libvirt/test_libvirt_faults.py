"""What befalls libvirt and its machines while the CPI works: nothing is lost, doubled or left, and each error is one clear sentence."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from contextlib import contextmanager
from pathlib import Path

import libvirt
import pytest

from cpi.client import WorkerClient
from cpi.contract import CloudError, CpiError, DiskNotFound, NoDiskSpace, VMCreationFailed, VMNotFound, WorkerDied


class Daemon:
    """The lab's libvirtd, which a test may end, hold and start again."""

    def __init__(self, world) -> None:
        self._world = world
        self._file = Path(world.lab.record.directory) / "run" / "libvirtd.pid"

    @property
    def pid(self) -> int:
        return int(self._file.read_text())

    def kill(self) -> list[str]:
        """End it; the command that starts it again."""
        pid = self.pid
        command = Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
        os.kill(pid, signal.SIGKILL)
        until = time.monotonic() + 30
        while Path(f"/proc/{pid}/stat").exists() and _state(pid) not in "ZX":
            assert time.monotonic() < until
            time.sleep(0.01)
        return command

    def start(self, command: list[str]) -> None:
        self._world.lab.exec(command)
        until = time.monotonic() + 60
        while True:
            try:
                self._world.connection().close()
                return
            except libvirt.libvirtError:
                assert time.monotonic() < until, "libvirtd does not come back"
                time.sleep(0.05)

    @contextmanager
    def held(self):
        """It answers nobody meanwhile."""
        pid = self.pid
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "X"


@pytest.fixture
def daemon(world):
    return Daemon(world)


@pytest.fixture
async def creating(world, vm, tmp_path):
    """A creation in a worker of its own that can be given up: `await creating(KEY, LAST)` begins it."""
    clients: list[WorkerClient] = []

    async def begin(key: str, last: int, deadline: float = 120.0):
        client = WorkerClient("libvirt", prefix=world.lab.command([]), lock=tmp_path / f"{key}.lock")
        clients.append(client)
        await client.start()
        await client.call("has_vm", ["x"], world.context)
        arguments = [f"agent-{key}", vm.stemcell, {"memory": 64}, world.networks(last), [], {}]
        task = asyncio.create_task(client.call("create_vm", arguments, {**world.context, "key": key}, deadline))
        return client, task

    yield begin
    for client in clients:
        await client.close()


async def one_of_key(world, call, key: str, last: int, stemcell: str) -> str:
    """Asked for again, there is one machine of the key, and it runs."""
    arguments = [f"agent-{key}", stemcell, {"memory": 64}, world.networks(last), [], {}]
    cid, _ = await call("create_vm", *arguments, key=key)
    assert await call("find", "vm", key) == cid
    assert [one.name() for one in world.connection().listAllDomains(0) if key in one.name()] == [cid]
    assert world.domain(cid).isActive()
    return cid


async def test_without_libvirtd_every_call_names_its_address(vm, world, call, daemon):
    cid = await vm("vm-away", 40)
    disk = await call("create_disk", 16, {}, cid, key="disk-away")
    command = daemon.kill()
    try:
        for method, *arguments in (
            ("has_vm", cid), ("reboot_vm", cid), ("attach_disk", cid, disk), ("create_disk", 16, {}, None), ("delete_vm", cid),
        ):  # fmt: skip
            with pytest.raises(CloudError) as error:
                await call(method, *arguments)
            assert error.value.facts.endpoint == world.uri
            assert world.uri in str(error.value) and "Traceback" not in str(error.value)
    finally:
        daemon.start(command)
    assert await call("has_vm", cid) is True
    await call("attach_disk", cid, disk)
    assert await call("get_disks", cid) == [disk]
    await call("detach_disk", cid, disk)


async def test_libvirtd_dies_in_the_middle_of_a_creation(vm, world, call, daemon, creating):
    _, task = await creating("vm-died", 41)
    await asyncio.sleep(0.1)
    command = daemon.kill()
    try:
        with contextlib.suppress(CpiError):
            await task
    finally:
        daemon.start(command)
    cid = await one_of_key(world, call, "vm-died", 41, vm.stemcell)
    await call("delete_vm", cid)


async def test_a_libvirtd_that_stands_still_for_a_while_is_waited_for(world, vm, daemon):
    with daemon.held():
        slow = asyncio.create_task(vm("vm-slow", 42))
        await asyncio.sleep(3)
        assert not slow.done()
    cid = await slow
    assert world.domain(cid).isActive()


async def test_a_creation_that_libvirtd_made_too_late_is_found_again(vm, world, call, daemon, creating):
    client, task = await creating("vm-late", 43, deadline=2.0)
    with daemon.held(), pytest.raises(CpiError):
        await task
    await client.close()
    cid = await one_of_key(world, call, "vm-late", 43, vm.stemcell)
    await call("delete_vm", cid)


async def test_a_pool_that_is_not_active_is_named(vm, world, call):
    cid = await vm("vm-pool", 44)
    pool = world.connection().storagePoolLookupByName("default")
    pool.destroy()
    try:
        for method, *arguments in (("create_disk", 16, {}, None), ("create_stemcell", "/nowhere", {})):
            with pytest.raises(CloudError) as error:
                await call(method, *arguments, key=f"{method}-pool")
            assert "default" in str(error.value), error.value
    finally:
        pool.create(0)
    disk = await call("create_disk", 16, {}, cid, key="disk-pool")
    assert await call("has_disk", disk) is True


async def test_a_pool_without_space_is_told_and_nothing_is_left(vm, world, call, tmp_path):
    folder = world.folder / "tiny"
    folder.mkdir()
    world.lab.exec(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)])
    connection = world.connection()
    pool = connection.storagePoolDefineXML(
        f"<pool type='dir'><name>tiny</name><target><path>{folder}</path></target></pool>", 0
    )
    pool.create(0)
    try:
        world.lab.exec(["sh", "-c", f"dd if=/dev/zero of={folder}/filler bs=4k 2>/dev/null || true"])
        with pytest.raises(
            NoDiskSpace, match=r"volume '.*disk-full.qcow2' does not fit into pool 'tiny': .*No space left"
        ):
            await call("create_disk", 16, {"storage_pool": "tiny"}, None, key="disk-full")
        assert await call("find", "disk", "disk-full") is None
        pool.refresh(0)
        assert [one.name() for one in pool.listAllVolumes(0)] == ["filler"]
    finally:
        pool.destroy()
        pool.undefine()
        world.lab.exec(["umount", str(folder)])
        folder.rmdir()


async def test_a_network_that_is_not_there_or_not_active(vm, world, call):
    connection = world.connection()
    with pytest.raises(VMCreationFailed, match="no network with matching name 'nowhere'"):
        await vm("vm-nonet", 45, networks=world.networks(45, cloud_properties={"network": "nowhere"}))
    network = connection.networkDefineXML("<network><name>asleep</name><bridge name='asleep0'/></network>")
    try:
        with pytest.raises(VMCreationFailed, match="network 'asleep' is not active"):
            await vm("vm-asleep", 46, networks=world.networks(46, cloud_properties={"network": "asleep"}))
    finally:
        network.undefine()
    assert [name for name in world.leftovers() if "nonet" in name or "asleep" in name] == []


async def test_a_machine_that_vanished(vm, world, call):
    cid = await vm("vm-gone", 47)
    disk = await call("create_disk", 16, {}, cid, key="disk-gone")
    await call("attach_disk", cid, disk)
    domain = world.domain(cid)
    domain.destroy()
    domain.undefineFlags(libvirt.VIR_DOMAIN_UNDEFINE_NVRAM)
    assert await call("has_vm", cid) is False
    for method, *arguments in (("reboot_vm", cid), ("attach_disk", cid, disk), ("get_disks", cid)):
        with pytest.raises(VMNotFound, match=cid):
            await call(method, *arguments)
    await call("delete_vm", cid)
    assert [name for name in world.leftovers() if cid in name] == []
    other = await vm("vm-heir", 48)
    await call("attach_disk", other, disk)  # nobody has it any more
    await call("detach_disk", other, disk)


async def test_a_machine_whose_power_was_cut_is_started_with_its_disks(vm, world, call):
    cid = await vm("vm-cut", 49)
    disk = await call("create_disk", 16, {}, cid, key="disk-cut")
    await call("attach_disk", cid, disk)
    world.domain(cid).destroy()
    assert (await call("vm_status", [cid], 0))[cid]["power"] == "off"
    await call("reboot_vm", cid)
    assert world.domain(cid).isActive()
    assert await call("get_disks", cid) == [disk]
    await call("detach_disk", cid, disk)


async def test_a_volume_that_vanished(vm, world, call):
    cid = await vm("vm-novol", 50)
    disk = await call("create_disk", 16, {}, cid, key="disk-novol")
    (world.pool / f"{disk}.qcow2").unlink()
    assert await call("has_disk", disk) is False
    for method, *arguments in (("attach_disk", cid, disk), ("resize_disk", disk, 32), ("snapshot_disk", disk, {})):
        with pytest.raises(DiskNotFound, match=disk):
            await call(method, *arguments, key=f"{method}-novol")
    await call("delete_disk", disk)
    assert await call("get_disks", cid) == []


@pytest.mark.parametrize("delay", [0.01, 0.05, 0.1, 0.2])
async def test_a_worker_killed_while_it_attaches(delay, vm, world, call, tmp_path):
    cid = await vm("vm-attach", 51)
    disk = await call("create_disk", 16, {}, cid, key=f"disk-attach-{delay}")
    client = WorkerClient("libvirt", prefix=world.lab.command([]), lock=tmp_path / "killed.lock")
    await client.start()
    await client.call("has_vm", ["x"], world.context)
    attaching = asyncio.create_task(client.call("attach_disk", [cid, disk], world.context))
    await asyncio.sleep(delay)
    if client.pid is not None and not attaching.done():
        os.kill(client.pid, signal.SIGKILL)
    with contextlib.suppress(WorkerDied):
        await attaching
    await client.close()
    await call("attach_disk", cid, disk)  # the director asks again
    assert await call("get_disks", cid) == [disk]
    assert world.xml(cid).count(f"{disk}.qcow2") == 1
    await call("detach_disk", cid, disk)
    assert f"{disk}.qcow2" not in world.xml(cid)


@pytest.mark.parametrize("kind", ["stemcell", "vm", "disk", "snapshot"])
async def test_the_answer_of_a_creation_is_lost(kind, vm, world, call, blank):
    """It is asked for again with the same key: there is one, the same."""
    disk = await call("create_disk", 16, {}, None, key="disk-lost-first")
    asked = {
        "stemcell": ("create_stemcell", str(blank), {"name": "lost"}),
        "vm": ("create_vm", "agent-lost", vm.stemcell, {"memory": 64}, world.networks(52), [], {}),
        "disk": ("create_disk", 16, {}, None),
        "snapshot": ("snapshot_disk", disk, {}),
    }
    before = set(world.leftovers())
    await call(*asked[kind], key=f"{kind}-lost")
    once = set(world.leftovers()) - before
    found = await call("find", kind, f"{kind}-lost")
    again = await call(*asked[kind], key=f"{kind}-lost")
    assert found == (again[0] if kind == "vm" else again)
    assert set(world.leftovers()) - before == once
    await call({"snapshot": "delete_snapshot"}.get(kind, f"delete_{kind}"), found)
    assert set(world.leftovers()) == before
