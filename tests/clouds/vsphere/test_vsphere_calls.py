"""Each call, and what came of it by vCenter's own word."""

from __future__ import annotations

import base64
import json

import pytest
from pyVmomi import vim

from cpi.contract import DiskNotAttached, DiskNotFound, NotSupported, StemcellNotFound, VMNotFound
from tests.clouds.vsphere.cloud import network, refused

pytestmark = pytest.mark.clouds
MIB = 1024 * 1024


def test_info(cloud):
    found = cloud.call("info")
    assert found["stemcell_formats"] == ["vsphere-ovf", "vsphere-ova"]
    assert found["api_version"] == 3


def test_a_stemcell_is_a_vm_with_a_snapshot_and_the_image_on_its_disk(cloud, api, image):
    cid = cloud.create_stemcell(image)
    vm = api.vm(cid)
    assert vm.parent.name == "BOSH_Templates"
    assert vm.runtime.powerState == "poweredOff"
    assert vm.snapshot.rootSnapshotList[0].name == "initial"
    assert api.devices(vm, vim.vm.device.VirtualEthernetCard) == []
    [path] = api.disk_paths(vm)
    flat = api.download("LocalDS_0", path.partition("] ")[2].replace(".vmdk", "-flat.vmdk"))
    assert flat == image.with_suffix(".disk").read_bytes()
    cloud.call("delete_stemcell", cid)
    assert api.vm(cid) is None
    cloud.call("delete_stemcell", cid)


def test_an_ova_is_taken_too_and_a_broken_image_is_refused(cloud, api, image, tmp_path):
    from tests.clouds.vsphere import stemcell_image

    ova = stemcell_image.write(tmp_path / "image.ova", b"disk" * 1000, mode="w")
    assert api.vm(cloud.create_stemcell(ova)) is not None
    (tmp_path / "junk").write_bytes(b"junk")
    refused("no OVA", cloud.create_stemcell, tmp_path / "junk")
    lacking = stemcell_image.write(tmp_path / "lacking", b"disk", named="other.vmdk")
    key = cloud.key("stemcell")
    refused("lacks the file image-disk1.vmdk", cloud.create_stemcell, lacking, key)
    assert not any(key in name for name in api.vm_names())


def test_a_vm_has_the_hardware_asked_for(cloud, api, stemcell):
    cid = cloud.create_vm(stemcell, cpu=3, ram=2048, disk=4096, networks=network(ip="10.7.0.20"))
    vm = api.vm(cid)
    assert vm.parent.name == "BOSH_VMs"
    assert (vm.config.hardware.numCPU, vm.config.hardware.memoryMB) == (3, 2048)
    assert vm.runtime.powerState == "poweredOn"
    system, ephemeral = api.devices(vm, vim.vm.device.VirtualDisk)
    assert (system.unitNumber, ephemeral.unitNumber) == (0, 1)
    assert ephemeral.capacityInKB == 4096 * 1024
    assert system.backing.fileName != api.disk_paths(api.vm(stemcell))[0]
    [card] = api.devices(vm, vim.vm.device.VirtualEthernetCard)
    group = api.named(vim.dvs.DistributedVirtualPortgroup, "DC0_DVPG0")
    assert card.backing.port.portgroupKey == group.key
    assert card.macAddress.startswith("00:50:56:")


def test_the_agent_finds_its_settings_on_a_cd_and_in_guestinfo(cloud, api, stemcell, tmp_path):
    from tests.clouds.vsphere.iso_reader import only_file

    cid = cloud.create_vm(stemcell, agent="agent-7", env={"bosh": {"group": "g"}})
    vm = api.vm(cid)
    [drive] = api.devices(vm, vim.vm.device.VirtualCdrom)
    assert drive.connectable.startConnected
    store, _, path = drive.backing.fileName.removeprefix("[").partition("] ")
    name, data = only_file(api.download(store, path))
    assert name == "ENV.;1"
    found = json.loads(data)
    assert json.loads(base64.b64decode(api.extra(vm)["guestinfo.userdata"])) == found
    assert found["agent_id"] == "agent-7"
    assert found["vm"]["name"] == cid
    assert found["env"] == {"bosh": {"group": "g"}}
    assert found["disks"] == {"system": "0", "ephemeral": "1", "persistent": {}}
    [card] = api.devices(vm, vim.vm.device.VirtualEthernetCard)
    assert found["networks"]["default"] == {**network()["default"], "mac": card.macAddress}
    assert found["mbus"].startswith("nats://")
    assert found["ntp"] == ["10.0.0.1"]


def test_networks_standard_and_distributed_and_by_path(cloud, api, stemcell):
    networks = {
        "a": network()["default"],
        "b": network(ip="10.8.0.10", name="VM Network")["default"],
        "c": network(ip="10.9.0.10", name="F0/DC0_DVPG1")["default"],
    }
    vm = api.vm(cloud.create_vm(stemcell, networks=networks))
    cards = api.devices(vm, vim.vm.device.VirtualEthernetCard)
    assert len({card.macAddress for card in cards}) == 3
    assert cards[1].backing.deviceName == "VM Network"
    assert cards[2].backing.port.portgroupKey == api.named(vim.Network, "DC0_DVPG1").key


def test_networks_of_one_nic_group_share_a_card(cloud, api, stemcell):
    networks = {
        "four": network(nic_group="g")["default"],
        "six": {**network(ip="2001:db8::1", nic_group="g")["default"], "netmask": "ffff::"},
    }
    vm = api.vm(cloud.create_vm(stemcell, networks=networks))
    assert len(api.devices(vm, vim.vm.device.VirtualEthernetCard)) == 1


def test_a_deleted_vm_leaves_its_disk(cloud, api, stemcell):
    cid = cloud.create_vm(stemcell)
    disk = cloud.create_disk(vm=cid)
    cloud.call("attach_disk", cid, disk)
    cloud.call("delete_vm", cid)
    assert api.vm(cid) is None
    assert cloud.call("has_vm", cid) is False
    assert f"[LocalDS_0] BOSH_Disks/{disk}.vmdk" in api.files()
    assert not any("env.iso" in path and cid in path for path in api.files())
    cloud.call("delete_vm", cid)


def test_a_disk_lives_its_life(cloud, api, stemcell):
    cid = cloud.create_vm(stemcell)
    disk = cloud.create_disk(100, vm=cid)
    path = f"[LocalDS_0] BOSH_Disks/{disk}.vmdk"
    flat = api.folder_of("LocalDS_0") / f"BOSH_Disks/{disk}-flat.vmdk"
    assert flat.stat().st_size == 100 * MIB
    assert cloud.call("has_disk", disk) is True
    hint = cloud.call("attach_disk", cid, disk)
    found = api.devices(api.vm(cid), vim.vm.device.VirtualDisk)[2]
    assert (hint, found.unitNumber) == ({"id": found.backing.uuid}, 2)
    assert cloud.call("attach_disk", cid, disk) == hint
    device = api.devices(api.vm(cid), vim.vm.device.VirtualDisk)[-1]
    assert (device.backing.fileName, device.backing.diskMode) == (path, "independent_persistent")
    assert cloud.call("get_disks", cid) == [disk]
    flat.write_bytes(b"kept" + flat.read_bytes()[4:])
    cloud.call("resize_disk", disk, 150)
    assert api.devices(api.vm(cid), vim.vm.device.VirtualDisk)[-1].capacityInKB == 150 * 1024
    refused("attached to VM", cloud.call, "delete_disk", disk)
    cloud.call("detach_disk", cid, disk)
    assert path not in api.disk_paths(api.vm(cid))
    assert isinstance(refused("not attached", cloud.call, "detach_disk", cid, disk), DiskNotAttached)
    cloud.call("resize_disk", disk, 200)
    assert flat.stat().st_size == 200 * MIB
    assert flat.read_bytes()[:4] == b"kept"
    assert isinstance(refused("cannot shrink", cloud.call, "resize_disk", disk, 100), NotSupported)
    cloud.call("delete_disk", disk)
    assert path not in api.files()
    assert cloud.call("has_disk", disk) is False
    cloud.call("delete_disk", disk)


def test_a_disk_moves_to_a_datastore_that_the_hosts_of_its_vm_see(cloud, api, stemcell, tmp_path):
    with api.datastore_of_one_host("DC0_C1", "Private", tmp_path) as private:
        elsewhere = cloud.with_datacenter(persistent_datastore_pattern="^Private$")
        disk = elsewhere.create_disk(32)
        flat = private / f"BOSH_Disks/{disk}-flat.vmdk"
        flat.write_bytes(b"data" + bytes(32 * MIB - 4))
        cid = cloud.create_vm(stemcell)
        cloud.call("attach_disk", cid, disk)
        assert api.disk_paths(api.vm(cid))[-1] == f"[LocalDS_0] BOSH_Disks/{disk}.vmdk"
        assert (api.folder_of("LocalDS_0") / f"BOSH_Disks/{disk}-flat.vmdk").read_bytes()[:4] == b"data"
        assert not flat.exists()
        cloud.clean()


def test_snapshots_are_copies(cloud, api, stemcell):
    disk = cloud.create_disk(16)
    key = cloud.key("snapshot")
    snapshot = cloud.call("snapshot_disk", disk, {"deployment": "d"}, key=key)
    assert f"[LocalDS_0] BOSH_Disks/snapshots/{snapshot}.vmdk" in api.files()
    assert cloud.call("snapshot_disk", disk, {}, key=key) == snapshot
    assert cloud.call("find", "snapshot", key) == snapshot
    vm = cloud.create_vm(stemcell)
    cloud.call("attach_disk", vm, disk)
    other = cloud.call("snapshot_disk", disk, {}, key=cloud.key("snapshot"))
    cloud.call("delete_snapshot", other)
    cloud.call("delete_snapshot", snapshot)
    assert not any(snapshot in path for path in api.files())
    cloud.call("delete_snapshot", snapshot)


def test_metadata_becomes_custom_attributes(cloud, api, stemcell):
    cid = cloud.create_vm(stemcell)
    cloud.call("set_vm_metadata", cid, {"director": "d", "deployment": "x"})
    cloud.call("set_vm_metadata", cid, {"director": "d", "deployment": "y", "job": "z"})
    found = api.attributes(api.vm(cid))
    assert {key: found[key] for key in ("director", "deployment", "job")} == {"director": "d", "deployment": "y", "job": "z"}  # fmt: skip


def test_reboot_starts_a_vm_that_is_off(cloud, api, stemcell):
    cid = cloud.create_vm(stemcell)
    cloud.call("reboot_vm", cid)
    assert api.vm(cid).runtime.powerState == "poweredOn"
    api.run(api.vm(cid).PowerOffVM_Task())
    assert cloud.call("vm_status", [cid], 0)[cid]["power"] == "off"
    cloud.call("reboot_vm", cid)
    assert api.vm(cid).runtime.powerState == "poweredOn"


def test_status_of_many_in_one_question(cloud, api, stemcell, wire):
    cid = cloud.create_vm(stemcell)
    vm = api.vm(cid)
    api.run(vm.ReconfigVM_Task(vim.vm.ConfigSpec(extraConfig=[vim.option.OptionValue(key="SET.guest.ipAddress", value="10.7.0.10")])))  # fmt: skip
    through = cloud.through(wire)
    through.call("has_vm", cid)
    before = len(wire.calls)
    found = through.call("vm_status", [cid, "vm-none"], 0)
    assert wire.calls[before:].count("RetrievePropertiesEx") == 1
    assert found["vm-none"]["exists"] is False
    assert (found[cid]["power"], found[cid]["addresses"]) == ("on", ["10.7.0.10"])
    assert found[cid]["boot"]


def test_what_is_not_there_is_told_by_its_kind(cloud, stemcell):
    vm = cloud.create_vm(stemcell)
    disk = cloud.create_disk()
    assert isinstance(refused("vm-none", cloud.call, "reboot_vm", "vm-none"), VMNotFound)
    assert isinstance(refused("vm-none", cloud.call, "set_vm_metadata", "vm-none", {}), VMNotFound)
    assert isinstance(refused("vm-none", cloud.call, "attach_disk", "vm-none", disk), VMNotFound)
    assert isinstance(refused("disk-none", cloud.call, "attach_disk", vm, "disk-none"), DiskNotFound)
    assert isinstance(refused("sc-none", cloud.create_vm, "sc-none"), StemcellNotFound)
    assert isinstance(refused("recreate", cloud.call, "configure_networks", vm, network()), NotSupported)


def test_sizes_become_cloud_properties(cloud):
    found = cloud.call("calculate_vm_cloud_properties", {"cpu": 2, "ram": 4096, "ephemeral_disk_size": 10240})
    assert found == {"cpu": 2, "ram": 4096, "disk": 10240}


def test_keys_find_what_was_made_and_nothing_else(cloud, stemcell):
    vm, disk = cloud.create_vm(stemcell), cloud.create_disk()
    assert cloud.call("find", "vm", cloud.made["vm"][-1]) == vm
    assert cloud.call("find", "disk", cloud.made["disk"][-1]) == disk
    assert cloud.call("find", "stemcell", cloud.made["stemcell"][-1]) == stemcell
    for kind in ("vm", "disk", "stemcell", "snapshot"):
        assert cloud.call("find", kind, "never-used") is None


def test_a_key_used_twice_makes_one_thing(cloud, api, stemcell):
    key = cloud.key("vm")
    first = cloud.create_vm(stemcell, key=key)
    assert cloud.create_vm(stemcell, key=key) == first
    assert len([name for name in api.vm_names() if first in name]) == 1
    refused("exists for agent agent", cloud.create_vm, stemcell, key=key, agent="other")
    key = cloud.key("disk")
    assert cloud.create_disk(64, key=key) == cloud.create_disk(64, key=key)
    refused("exists with 64 MiB", cloud.create_disk, 65, key=key)
