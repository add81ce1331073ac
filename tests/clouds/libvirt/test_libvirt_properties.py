"""Properties of machines, each asked of libvirt itself; nothing boots here."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tarfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from cpi.client import WorkerClient
from cpi.contract import CloudError, CpiError, NotSupported, StemcellNotFound, WorkerDied
from cpi.libvirt.machine import acceleration
from lab import storage


def find(world, cid: str, path: str) -> ElementTree.Element:
    found = ElementTree.fromstring(world.xml(cid)).find(path)
    assert found is not None, path
    return found


async def test_a_machine_has_the_hardware_asked_for(vm, world):
    cid = await vm(properties={"memory": 80, "cpus": 2, "root_disk": 100, "ephemeral_disk": 50})
    assert find(world, cid, "memory").text == str(80 * 1024)
    assert find(world, cid, "vcpu").text == "2"
    assert find(world, cid, "os/type").get("machine").startswith("pc-i440fx")
    assert world.image_size(f"{cid}.root.qcow2") == 100 << 20
    assert world.image_size(f"{cid}.ephemeral.qcow2") == 50 << 20
    assert os.stat(world.pool / f"{cid}.config.iso").st_mode & 0o777 == 0o600


async def test_global_properties_hold_where_a_vm_type_is_silent(vm, world):
    cid = await vm(properties={"cpus": 1}, memory=72, machine="q35", cpu_model="Nehalem")
    assert find(world, cid, "memory").text == str(72 * 1024)
    assert "q35" in find(world, cid, "os/type").get("machine")
    assert find(world, cid, "cpu/model").text == "Nehalem"
    other = await vm(
        "vm-2", 21, {"memory": 64, "machine": "pc", "cpu_model": "Westmere"}, machine="q35", cpu_model="Nehalem"
    )
    assert "i440fx" in find(world, other, "os/type").get("machine")
    assert find(world, other, "cpu/model").text == "Westmere"


async def test_a_uefi_machine_has_its_firmware_and_leaves_no_variables(vm, world, call):
    cid = await vm("vm-uefi", 33, {"memory": 128, "firmware": "uefi"})
    assert "OVMF_CODE" in find(world, cid, "os/loader").text
    variables = Path(find(world, cid, "os/nvram").text.replace("/var/lib/libvirt", f"{world.lab.directory}/lib"))
    assert variables.exists()
    await call("delete_vm", cid)
    assert not variables.exists()


async def test_kvm_is_used_only_where_it_is_usable(vm, world):
    lines: list[str] = []
    cid = await vm(log=lines.append)
    usable = acceleration.unusable() is None
    kind = ElementTree.fromstring(world.xml(cid)).get("type")
    assert kind == ("kvm" if usable else "qemu")
    if not usable:
        assert any("the processor is emulated (TCG)" in line for line in lines)
        with pytest.raises(
            CloudError, match=r"virt_type kvm: KVM cannot be used .*: /dev/kvm .*; virt_type qemu runs without it"
        ):
            await vm("vm-kvm", 22, virt_type="kvm")
        with pytest.raises(CloudError, match="'host-passthrough' needs KVM"):
            await vm("vm-host", 22, {"memory": 64, "cpu_model": "host-passthrough"})


async def test_wrong_properties_are_refused_before_anything_is_made(vm, world, call):
    before = world.leftovers()
    for properties, words in (
        ({"memroy": 64}, "unknown property 'memroy'; did you mean 'memory'"),
        ({"memory": "64"}, "'memory' must be a whole number above 0, not a string"),
        ({"cpu_model": "Pentium9"}, "knows no 'Pentium9'; known are "),
        ({"storage_pool": "none"}, "has no storage pool 'none'; there are: default"),
        ({"firmware": "coreboot"}, "'firmware' must be one of 'bios', 'uefi'"),
    ):
        with pytest.raises(CloudError, match=words):
            await vm("vm-wrong", 23, properties)
        assert world.leftovers() == before
    for given, words in (
        ({"vlan": 5, "bridge": "br0"}, "needs openvswitch: true"),
        ({"netwrk": "x"}, "unknown property 'netwrk'"),
    ):
        with pytest.raises(CloudError, match=words):
            await vm("vm-wrong", 23, networks=world.networks(23, cloud_properties=given))
        assert world.leftovers() == before
    for given, words in (
        ({"format": "vmdk"}, "'format' must be one of 'qcow2', 'raw'"),
        ({"type": "ssd"}, "unknown property 'type'"),
    ):
        with pytest.raises(CloudError, match=words):
            await call("create_disk", 16, given, None, key="disk-wrong")
    for more, words in (
        ({"virt_type": "qemoo"}, "'virt_type' must be one of"),
        ({"storage_pol": "x"}, "did you mean 'storage_pool'"),
    ):
        with pytest.raises(CloudError, match=words):
            await call("has_vm", "x", **more)
    assert world.leftovers() == before


async def test_networks_bridges_and_what_is_missing(vm, world):
    bridged = await vm("vm-b", 24, networks=world.networks(24, cloud_properties={"bridge": "mer0"}))
    assert find(world, bridged, "devices/interface").get("type") == "bridge"
    both = {
        **world.networks(25),
        "other": world.networks(26, cloud_properties={"name": world.lab.record.network})["default"],
    }
    two = await vm("vm-c", 25, networks=both)
    macs = [one.get("address") for one in ElementTree.fromstring(world.xml(two)).findall("devices/interface/mac")]
    assert macs == ["52:54:0a:4d:00:19", "52:54:0a:4d:00:1a"]
    before = world.leftovers()
    for given, words in (
        ({"network": "none"}, "none"),
        ({"bridge": "none0"}, "none0"),
        ({"bridge": "mer0", "openvswitch": True, "vlan": 42}, "OVS bridge mer0|ovs-vsctl"),
    ):
        with pytest.raises(CpiError, match=words):
            await vm("vm-d", 27, networks=world.networks(27, cloud_properties=given))
        assert world.leftovers() == before


async def test_disks_lie_in_the_pool_and_form_of_their_type(vm, world, call, tmp_path):
    storage.start(world.lab.record, world.folder / "slow", "slow")
    try:
        disk = await call("create_disk", 16, {"storage_pool": "slow", "format": "raw"}, None, key="disk-slow")
        assert [path.name for path in (world.folder / "slow").iterdir()] == [f"{disk}.raw"]
        cid = await vm("vm-pools", 28, {"memory": 64, "storage_pool": "slow"})
        assert (world.folder / "slow" / f"{cid}.root.qcow2").exists()
        await call("attach_disk", cid, disk)
        await call("resize_disk", disk, 24)
        assert world.image_size(f"../slow/{disk}.raw") == 24 << 20
        with pytest.raises(NotSupported, match="cannot shrink to 8"):
            await call("resize_disk", disk, 8)
        with pytest.raises(NotSupported, match="is raw in pool 'slow' and stays so"):
            await call("update_disk", disk, 32, {"format": "qcow2"})
        assert await call("update_disk", disk, 32, {"storage_pool": "slow", "format": "raw"}) is None
        await call("set_disk_metadata", disk, {"deployment": "d & <e>"})
        assert "d &amp; &lt;e&gt;" in world.xml(cid)
        await call("detach_disk", cid, disk)
        assert "d &amp; &lt;e&gt;" not in world.xml(cid)
        await call("delete_vm", cid)
        await call("delete_disk", disk)
        assert list((world.folder / "slow").iterdir()) == []
    finally:
        connection = world.connection()
        pool = connection.storagePoolLookupByName("slow")
        pool.destroy()
        pool.undefine()


async def test_metadata_stands_in_the_domain(vm, world, call):
    cid = await vm("vm-meta", 29)
    await call("set_vm_metadata", cid, {"deployment": "d & <e>", "job": "web", "index": 3})
    assert 'key="vm-meta"' in world.xml(cid)
    assert "d &amp; &lt;e&gt;" in world.xml(cid)
    assert await call("find", "vm", "vm-meta") == cid


async def test_a_machine_without_a_guest_is_restarted_by_force(vm, world, call):
    cid = await vm("vm-force", 30)
    before, lines = world.domain(cid).ID(), []
    await call("reboot_vm", cid, log=lines.append)
    assert world.domain(cid).ID() not in (before, -1)
    assert any("did not shut down in order; its power is cut" in line for line in lines)
    world.domain(cid).destroy()
    assert (await call("vm_status", [cid], 100))[cid]["power"] == "off"
    await call("reboot_vm", cid)
    assert world.domain(cid).isActive()


async def test_stemcells_come_as_disks_and_as_published_archives(world, call, blank, tmp_path):
    archive = tmp_path / "image"
    with tarfile.open(archive, "w:gz") as made:
        made.add(blank, "root.img")
    raw = tmp_path / "raw.img"
    raw.write_bytes(bytes(1 << 20))
    cids = [
        await call(
            "create_stemcell",
            str(path),
            {"name": path.name, "infrastructure": "openstack", "disk": 3072},
            key=f"stemcell-{path.name}",
        )
        for path in (blank, archive, raw)
    ]
    assert len(set(cids)) == 3
    assert [await call("find", "stemcell", f"stemcell-{path.name}") for path in (blank, archive, raw)] == cids
    assert world.image_size(f"{cids[1]}.qcow2") == 32 << 20
    assert (world.pool / f"{cids[1]}.qcow2").read_bytes() == blank.read_bytes()
    for cid in cids:
        await call("delete_stemcell", cid)
    empty = tmp_path / "empty.tar"
    with tarfile.open(empty, "w:gz"):
        pass
    with pytest.raises(CloudError, match=r"archive without a disk \(root.img\)"):
        await call("create_stemcell", str(empty), {})
    with pytest.raises(CloudError, match="unknown property 'imageid'"):
        await call("create_stemcell", str(blank), {"imageid": "x"})
    with pytest.raises(StemcellNotFound):
        await call("create_vm", "a", cids[0], {}, world.networks(31), [], {}, key="vm-none")
    assert world.leftovers() == []


@pytest.mark.parametrize("delay", [0.02, 0.06, 0.1, 0.15, 0.2, 0.3, 0.5])
async def test_a_worker_killed_while_it_creates(delay, vm, world, call, tmp_path):
    client = WorkerClient("libvirt", prefix=world.lab.command([]), lock=tmp_path / "killed.lock")
    await client.start()
    await client.call("has_vm", ["x"], world.context)
    arguments = ["agent-k", vm.stemcell, {"memory": 64}, world.networks(32), [], {}]
    creating = asyncio.create_task(client.call("create_vm", arguments, {**world.context, "key": "vm-killed"}))
    await asyncio.sleep(delay)
    if client.pid is not None and not creating.done():
        os.kill(client.pid, 9)
    with contextlib.suppress(WorkerDied):
        await creating
    await client.close()
    found = await call("find", "vm", "vm-killed")
    if found is not None:
        assert world.domain(found).isActive()
        await call("delete_vm", found)
    assert [name for name in world.leftovers() if "vm-killed" in name] == []


async def test_twenty_creates_at_once(vm, world, call):
    cids = await asyncio.gather(*(vm(f"vm-many-{number}", 100 + number) for number in range(20)))
    assert len(set(cids)) == 20
    assert all(world.domain(cid).isActive() for cid in cids)
