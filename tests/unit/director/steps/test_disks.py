from __future__ import annotations

import pytest

from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.model.actions import (
    AttachDisk,
    CreateDisk,
    DeleteDisk,
    DetachDisk,
    MountDisk,
    OrphanDisk,
    ResizeDisk,
    UnmountDisk,
)
from director.model.errors import AgentError, CloudError, CloudNotFound, CloudNotSupported
from director.model.instance import DiskSpec
from director.model.rows import DiskRow, InstanceRow
from director.steps.step import Adopt, Repeat, Unknown
from tests.unit.director.steps.bench import Bench


def create(key: str = "d1", size: int = 1024) -> CreateDisk:
    return CreateDisk(
        object_key=key, deployment="web", instance_id="i1", instance_name="web/i1", disk=DiskSpec(size, "fast")
    )


async def row(bench: Bench, key: str = "d1") -> DiskRow:
    found = await bench.store.get(DiskRow, key)
    assert found is not None
    return found


async def put_up(bench: Bench, key: str = "d1") -> str:
    """Created, attached and mounted; its CID."""
    await bench.do(create(key), f"t1/create-{key}")
    await bench.do(AttachDisk(object_key=key, instance_id="i1"), f"t1/attach-{key}")
    await bench.do(MountDisk(object_key=key, instance_id="i1"), f"t1/mount-{key}")
    return (await row(bench, key)).cid


async def test_from_nothing_to_mounted(bench: Bench) -> None:
    vm = await bench.boot()
    intent = await bench.intend(create())
    assert intent.object_key == "d1"
    assert ((await row(bench)).cid, (await row(bench)).size) == ("", 1024)
    cid = await put_up(bench)
    disk = await row(bench)
    assert (disk.active, disk.attached_to, disk.hint) == (True, vm.cid, "/dev/vdb")
    assert bench.guest().hints == {cid: "/dev/vdb"}
    assert bench.guest().mounted == [cid]
    metadata = bench.cloud.inventory.disks[cid].metadata
    assert metadata["instance_group"] == "web" and metadata["attached_at"] == "2023-11-14T22:13:20Z"


async def test_creation_is_settled_by_the_key(bench: Bench) -> None:
    await bench.boot()
    await bench.intend(create())
    assert isinstance(await bench.recover(create()), Repeat)
    bench.cloud.script.lose("create_disk", bench.cloud.unsettled("create_disk"))
    with pytest.raises(CloudError):
        await bench.do(create())
    assert isinstance(await bench.recover(create()), Adopt)
    assert (await row(bench)).cid in bench.cloud.inventory.disks
    assert bench.cloud.inventory.made["disk", "d1"] == 1


async def test_creation_in_a_cloud_that_cannot_look(bench: Bench) -> None:
    bench.clouds = MemoryClouds(MemoryCloud(can_find=False))
    assert isinstance(await bench.recover(create()), Unknown)


async def test_attachment_is_cleared_first_where_a_second_one_may_be_refused(bench: Bench) -> None:
    await bench.boot()
    await bench.do(create())
    bench.cloud._can_find = False
    assert isinstance(await bench.recover(AttachDisk(object_key="d1", instance_id="i1")), Repeat)
    assert bench.cloud.script.calls["detach_disk"] == 1


async def test_the_row_tells_of_an_attachment_before_it_is_made(bench: Bench) -> None:
    vm = await bench.boot()
    await bench.do(create())
    await bench.intend(AttachDisk(object_key="d1", instance_id="i1"))
    assert (await row(bench)).attached_to == vm.cid, (
        "whatever becomes of it, who deals with the disk next detaches it first"
    )


async def test_migration(bench: Bench) -> None:
    await bench.boot()
    old = await put_up(bench)
    await bench.do(create("d2", 2048), "t1/c2")
    await bench.do(AttachDisk(object_key="d2", instance_id="i1"), "t1/a2")
    await bench.do(MountDisk(object_key="d2", instance_id="i1", migrate=True), "t1/m2")
    new = (await row(bench, "d2")).cid
    assert bench.guest().mounted == [new]
    assert f"migrate_disk {old} {new}" in bench.guest().did
    assert ((await row(bench)).active, (await row(bench, "d2")).active) == (False, True)


async def test_a_finished_migration_is_adopted(bench: Bench) -> None:
    await bench.boot()
    await put_up(bench)
    await bench.do(create("d2", 2048), "t1/c2")
    await bench.do(AttachDisk(object_key="d2", instance_id="i1"), "t1/a2")
    mount = MountDisk(object_key="d2", instance_id="i1", migrate=True)
    assert isinstance(await bench.recover(mount), Repeat)
    bench.guest().mounted = [(await row(bench, "d2")).cid]
    assert isinstance(await bench.recover(mount), Adopt)
    assert ((await row(bench)).active, (await row(bench, "d2")).active) == (False, True)


async def test_unmount_only_what_is_mounted(bench: Bench) -> None:
    await bench.boot()
    cid = await put_up(bench)
    unmount = UnmountDisk(object_key="d1", instance_id="i1")
    await bench.do(unmount)
    assert bench.guest().mounted == []
    await bench.do(unmount, "t2/unmount")
    assert bench.guest().did.count(f"unmount_disk {cid}") == 1


async def test_silence_is_tolerated_failure_is_not(bench: Bench) -> None:
    await bench.boot()
    await put_up(bench)
    unmount = UnmountDisk(object_key="d1", instance_id="i1", tolerate=True)
    bench.agents.silent.add("a1")
    await bench.do(unmount)
    assert "does not answer and is passed over" in await bench.output("debug")
    bench.agents.silent.clear()
    bench.agents.script.fail("unmount_disk", AgentError("target is busy", agent_id="a1", method="unmount_disk"))
    with pytest.raises(AgentError, match="target is busy"):
        await bench.do(unmount, "t2/unmount")


async def test_detach(bench: Bench) -> None:
    vm = await bench.boot()
    cid = await put_up(bench)
    await bench.do(DetachDisk(object_key="d1", instance_id="i1"))
    assert bench.cloud.inventory.vms[vm.cid].disks == []
    assert (bench.guest().mounted, bench.guest().hints) == ([], {})
    disk, instance = await row(bench), await bench.store.get(InstanceRow, "i1")
    assert (disk.cid, disk.attached_to, disk.hint) == (cid, "", None)
    assert instance is not None and instance.midstate == "detached"


@pytest.mark.parametrize(
    "type", ["Bosh::Clouds::DiskNotAttached", "Bosh::Clouds::DiskNotFound", "Bosh::Clouds::CloudError"]
)
async def test_detached_already(bench: Bench, type: str) -> None:
    await bench.boot()
    await put_up(bench)
    kind = CloudNotFound if type.endswith("NotFound") else CloudError
    bench.cloud.script.fail("detach_disk", kind("no", type=type, method="detach_disk"))
    detach = DetachDisk(object_key="d1", instance_id="i1")
    if type.endswith("CloudError"):
        with pytest.raises(CloudError):
            await bench.do(detach)
        return
    await bench.do(detach)
    assert (await row(bench)).attached_to == ""


async def test_orphan_and_delete(bench: Bench) -> None:
    await bench.boot()
    cid = await put_up(bench)
    await bench.do(DetachDisk(object_key="d1", instance_id="i1"))
    await bench.do(OrphanDisk(object_key="d1"))
    disk = await row(bench)
    assert (disk.instance_id, disk.instance_name, disk.active, disk.orphaned_at) == ("", "web/i1", False, 1_700_000_000)
    assert cid in bench.cloud.inventory.disks
    await bench.do(DeleteDisk(object_key="d1"))
    await bench.do(DeleteDisk(object_key="d1"))
    assert cid not in bench.cloud.inventory.disks
    assert await bench.store.get(DiskRow, "d1") is None


async def test_delete_finds_one_that_was_never_confirmed(bench: Bench) -> None:
    await bench.intend(create())
    await bench.cloud.create_disk(1, {}, "", key="d1")
    await bench.do(DeleteDisk(object_key="d1"))
    assert bench.cloud.inventory.disks == {}


async def test_resize(bench: Bench) -> None:
    await bench.boot()
    await bench.do(create())
    await bench.do(ResizeDisk(object_key="d1", size=4096))
    assert (await row(bench)).size == 4096
    error = CloudNotSupported("no", type="Bosh::Clouds::NotSupported", method="resize_disk")
    bench.cloud.script.fail("resize_disk", error)
    with pytest.raises(CloudNotSupported, match="enable_cpi_resize_disk"):
        await bench.do(ResizeDisk(object_key="d1", size=8192))
