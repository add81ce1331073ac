"""Each call of the CPI, and then the cloud itself is asked what came of it."""

from __future__ import annotations

import base64
import json
import time

import pytest

from cpi.contract import (
    CloudError,
    DiskNotAttached,
    DiskNotFound,
    NetworkNotFound,
    NotSupported,
    StemcellNotFound,
    VMNotFound,
)
from tests.clouds.openstack.tenant import qcow2, stemcell_archive

AGENT = "agent-1"


@pytest.fixture
def vm(tenant, cpi, stemcell):
    cid, _ = cpi(
        "create_vm", AGENT, stemcell, {"instance_type": tenant.small}, {"a": tenant.manual("10.11.0.40")}, [], {}
    )
    yield cid
    cpi("delete_vm", cid)


def test_a_heavy_stemcell_is_uploaded_with_its_properties(tenant, cpi, same, tmp_path):
    disk = qcow2(tmp_path / "disk")
    archive = stemcell_archive(tmp_path / "heavy", disk)
    about = {
        "name": "jammy", "version": "1.2", "disk_format": "qcow2", "container_format": "bare", "os_type": "linux",
        "os_distro": "ubuntu", "architecture": "x86_64", "auto_disk_config": True, "hypervisor": "kvm",
        "hw_disk_bus": "scsi", "infrastructure": "openstack", "disk": 5120, "root_device_name": "/dev/sda1",
    }  # fmt: skip
    cid = cpi("create_stemcell", str(archive), about, {"tags": {"team": "blue", "owner": "me"}}, key="stemcell-1")
    image = tenant.member.image.get_image(cid)
    assert (image.status, image.size, image.name, image.disk_format) == ("active", len(disk), "jammy/1.2", "qcow2")
    assert image.visibility == "private"
    assert (image.os_type, image.os_distro, image.architecture) == ("linux", "ubuntu", "x86_64")
    assert image.hw_disk_bus == "scsi" and image.properties["team"] == "blue"
    assert image.properties["tag_owner"] == "me"
    assert cpi("find", "stemcell", "stemcell-1") == cid
    assert cpi("create_stemcell", str(archive), about, key="stemcell-1") == cid  # no second image
    cpi("delete_stemcell", cid)
    cpi("delete_stemcell", cid)
    assert cpi("find", "stemcell", "stemcell-1") is None
    # a disk that is no archive, whose format nobody told
    bare = cpi("create_stemcell", str(tmp_path / "disk"), {"name": "bare"})
    assert tenant.member.image.get_image(bare).disk_format == "qcow2"
    cpi("delete_stemcell", bare)


def test_a_light_stemcell_names_an_image_and_leaves_it_alone(tenant, cpi, stemcell, tmp_path):
    empty = tmp_path / "image"
    empty.touch()
    cid = cpi("create_stemcell", str(empty), {"name": "m", "version": "1", "image_id": stemcell})
    assert cid == f"{stemcell} light"
    cpi("delete_stemcell", cid)
    assert tenant.member.image.get_image(stemcell).status == "active"
    with pytest.raises(StemcellNotFound, match="has no image"):
        cpi("create_stemcell", str(empty), {"image_id": "00000000-0000-4000-8000-000000000000"})


def test_a_vm_has_what_was_ordered_and_its_settings(tenant, cpi, stemcell, same):
    env = {"bosh": {"password": "x", "tags": {"a": "b"}}}
    cid, networks = cpi(
        "create_vm", AGENT, stemcell, {"instance_type": tenant.small}, {"a": tenant.manual("10.11.0.41")}, [], env,
        key="vm-ordered",
    )  # fmt: skip
    server = tenant.member.compute.get_server(cid)
    assert server.status == "ACTIVE" and server.flavor["original_name"] == tenant.small
    assert server.image.id == stemcell
    (port,) = tenant.member.network.ports(device_id=cid)
    assert port.fixed_ips[0]["ip_address"] == "10.11.0.41" and port.mac_address == networks["a"]["mac"]
    data = tenant.admin.compute.get(f"/servers/{cid}", microversion="2.79").json()["server"][
        "OS-EXT-SRV-ATTR:user_data"
    ]
    settings = json.loads(base64.b64decode(data))
    assert settings["agent_id"] == AGENT and settings["mbus"] == "nats://10.0.0.1:4222"
    assert settings["ntp"] == ["10.0.0.1"] and settings["env"] == env
    assert settings["networks"]["a"]["mac"] == port.mac_address and settings["networks"]["a"]["use_dhcp"] is True
    assert settings["disks"] == {"system": "/dev/sda", "ephemeral": None, "persistent": {}}
    assert settings["dns"] == {"nameserver": ["10.11.0.2"]}
    # the same key again is the same VM; another agent's is refused
    again = cpi("create_vm", AGENT, stemcell, {"instance_type": tenant.small}, {"a": tenant.manual("10.11.0.41")}, [], env,
                key="vm-ordered")  # fmt: skip
    assert again == [cid, networks]
    with pytest.raises(CloudError, match="exists under this key for agent"):
        cpi("create_vm", "agent-2", stemcell, {"instance_type": tenant.small}, {"a": tenant.manual("10.11.0.41")}, [], {},
            key="vm-ordered")  # fmt: skip
    assert cpi("find", "vm", "vm-ordered") == cid and cpi("has_vm", cid)
    cpi("delete_vm", cid)
    assert not cpi("has_vm", cid) and cpi("find", "vm", "vm-ordered") is None
    cpi("delete_vm", cid)


def test_a_disk_lives_through_all_its_calls(tenant, cpi, vm, same):
    storage = tenant.member.block_storage
    disk = cpi("create_disk", 1025, {}, vm, key="disk-1")
    volume = storage.get_volume(disk)
    assert (volume.status, volume.size, volume.availability_zone) == ("available", 2, "nova")
    assert cpi("find", "disk", "disk-1") == disk == cpi("create_disk", 1025, {}, vm, key="disk-1")
    assert cpi("has_disk", disk)
    hint = cpi("attach_disk", vm, disk)
    assert hint["id"] == disk and hint["path"].startswith("/dev/")
    volume = storage.get_volume(disk)
    assert volume.status == "in-use" and volume.attachments[0]["server_id"] == vm
    assert cpi("attach_disk", vm, disk) == hint
    assert cpi("get_disks", vm) == [disk]
    cpi("set_disk_metadata", disk, {"deployment": "cf", "instance_id": "i/1"})
    assert storage.get_volume(disk).metadata["deployment"] == "cf"
    with pytest.raises(CloudError, match=f"attached to VM {vm}"):
        cpi("delete_disk", disk)
    snapshot = cpi("snapshot_disk", disk, {"deployment": "cf", "job": "db", "index": "0"}, key="snap-1")
    assert storage.get_snapshot(snapshot).status == "available" and storage.get_snapshot(snapshot).volume_id == disk
    assert cpi("find", "snapshot", "snap-1") == snapshot
    cpi("delete_snapshot", snapshot)
    cpi("delete_snapshot", snapshot)
    cpi("resize_disk", disk, 3 * 1024)
    assert storage.get_volume(disk).size == 3 and storage.get_volume(disk).status == "in-use"
    cpi("detach_disk", vm, disk)
    assert storage.get_volume(disk).status == "available" and cpi("get_disks", vm) == []
    with pytest.raises(DiskNotAttached):
        cpi("detach_disk", vm, disk)
    cpi("resize_disk", disk, 4 * 1024)
    assert storage.get_volume(disk).size == 4
    with pytest.raises(NotSupported):
        cpi("resize_disk", disk, 1024)
    cpi("delete_disk", disk)
    cpi("delete_disk", disk)
    assert not cpi("has_disk", disk) and cpi("find", "disk", "disk-1") is None


def test_a_disk_changes_its_type_and_size(tenant, cpi, same):
    kind = tenant.admin.block_storage.create_type(name=f"{tenant.name}-b", extra_specs={"volume_backend_name": "loop"})
    try:
        disk = cpi("create_disk", 1024, {"type": "loop"}, None)
        assert tenant.member.block_storage.get_volume(disk).volume_type == "loop"
        assert cpi("update_disk", disk, 2048, {"type": kind.name}) is None
        volume = tenant.member.block_storage.get_volume(disk)
        assert (volume.volume_type, volume.size, volume.status) == (kind.name, 2, "available")
        cpi("delete_disk", disk)
        other = cpi("create_disk", 1024, {}, None, default_volume_type=kind.name)
        assert tenant.member.block_storage.get_volume(other).volume_type == kind.name
        cpi("delete_disk", other)
        with pytest.raises(CloudError, match="nosuchtype"):
            cpi("create_disk", 1024, {"type": "nosuchtype"}, None)
    finally:
        tenant.admin.block_storage.delete_type(kind.id)


def test_a_vm_goes_and_its_disk_stays(tenant, cpi, stemcell, same):
    cid, _ = cpi(
        "create_vm", AGENT, stemcell, {"instance_type": tenant.small}, {"a": tenant.manual("10.11.0.42")}, [], {}
    )
    disk = cpi("create_disk", 1024, {}, cid)
    cpi("attach_disk", cid, disk)
    cpi("delete_vm", cid)
    for _ in range(40):
        if tenant.member.block_storage.get_volume(disk).status == "available":
            break
        time.sleep(0.25)
    assert tenant.member.block_storage.get_volume(disk).status == "available"
    cpi("delete_disk", disk)


def test_a_vm_restarts_is_tagged_and_tells_how_it_is(tenant, cpi, vm):
    cpi("set_vm_metadata", vm, {"job": "web", "index": "0", "a/b": "c", "long": "x" * 300})
    metadata = tenant.member.compute.get_server(vm).metadata
    assert metadata["job"] == "web" and metadata["a_b"] == "c" and len(metadata["long"]) == 255
    cpi("set_vm_metadata", vm, {"job": "web", "id": "1-2", "name": "web/1-2"}, human_readable_vm_names=True)
    assert tenant.member.compute.get_server(vm).name == "web/1-2"
    cpi("reboot_vm", vm)
    events = [json.loads(line) for line in (tenant.recorded(vm) / "events").read_text().splitlines()]
    assert [one["event"] for one in events][-1] == "reboot"
    tenant.member.compute.stop_server(vm)
    tenant.member.compute.wait_for_server(tenant.member.compute.get_server(vm), status="SHUTOFF", interval=0.3)
    assert cpi("vm_status", [vm], 0)[vm]["power"] == "off"
    cpi("reboot_vm", vm)
    assert tenant.member.compute.get_server(vm).status == "ACTIVE"
    told = cpi("vm_status", [vm, "no-such-vm"], 4000)
    assert told[vm]["power"] == "on" and told[vm]["boot"] and told[vm]["console"]
    assert told["no-such-vm"]["exists"] is False


def test_what_is_not_there_is_named_by_its_type(cpi, vm):
    absent = "00000000-0000-4000-8000-000000000001"
    with pytest.raises(DiskNotFound):
        cpi("attach_disk", vm, absent)
    with pytest.raises(VMNotFound):
        cpi("reboot_vm", absent)
    with pytest.raises(VMNotFound):
        cpi("set_vm_metadata", absent, {"a": "b"})
    with pytest.raises(VMNotFound):
        cpi("get_disks", absent)
    with pytest.raises(DiskNotFound):
        cpi("resize_disk", absent, 2048)
    with pytest.raises(DiskNotFound):
        cpi("snapshot_disk", absent, {})
    with pytest.raises(NetworkNotFound):
        cpi("delete_network", absent)
    with pytest.raises(NotSupported):
        cpi("configure_networks", vm, {})
    assert not cpi("has_vm", absent) and not cpi("has_disk", absent)


def test_twenty_vms_at_once_are_awaited_together(tenant, cpi, stemcell, same):
    orders = [
        cpi.begin("create_vm", f"agent-{n}", stemcell, {"instance_type": tenant.small},
                  {"a": tenant.manual(f"10.11.0.{60 + n}")}, [], {}, key=f"vm-many-{n}", deadline=200)
        for n in range(20)
    ]  # fmt: skip
    made = [order.result()[0] for order in orders]
    listed = {one.id: one for one in tenant.member.compute.servers()}
    assert len(set(made)) == 20 and all(listed[cid].status == "ACTIVE" for cid in made)
    for gone in [cpi.begin("delete_vm", cid, deadline=200) for cid in made]:
        gone.result()
