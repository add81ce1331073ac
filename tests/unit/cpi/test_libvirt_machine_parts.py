"""Parts of the libvirt CPI's machines that need neither root nor libvirtd."""

from __future__ import annotations

import subprocess
from xml.etree import ElementTree

import pytest

pytest.importorskip("libvirt", reason="libvirt's binding is not installed (bin/setup --lab)")

from cpi.contract import Call, CloudError, Network
from cpi.libvirt.config import Config
from cpi.libvirt.machine import acceleration, config_drive, host
from cpi.libvirt.machine.record import NAMESPACE as RECORD
from cpi.libvirt.machine.record import Record
from cpi.libvirt.machine.xml import MachineSpec, disks_in, machine_xml, serial_of
from cpi.libvirt.networks import Card, cards_of
from cpi.libvirt.properties import DiskProperties, NetworkProperties, VmProperties

MANUAL = {"type": "manual", "ip": "10.77.0.20", "netmask": "255.255.255.0"}
CONTAINERS = Config.parse({})
MACHINES = Config.parse({"virt_type": "qemu", "storage_pool": "fast"})


def parsed(entries):
    return {name: Network.parse(name, entry) for name, entry in entries.items()}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"memroy": 5}, "unknown property 'memroy'; did you mean 'memory'"),
        ({"memory": "5"}, "'memory' must be a whole number above 0, not a string"),
        ({"root_disk": 1.5}, "'root_disk' must be a whole number"),
        ({"firmware": "efi"}, "'firmware' must be one of 'bios', 'uefi'"),
        ({"cpu_model": ["Nehalem"]}, "'cpu_model' must be a string"),
    ],
)
def test_wrong_properties_of_vms_are_named(given, words):
    with pytest.raises(CloudError, match=words):
        VmProperties.parse(given, MACHINES)


def test_what_machines_alone_have_is_refused_for_containers():
    for key in ("root_disk", "storage_pool", "firmware", "machine", "cpu_model"):
        with pytest.raises(CloudError, match=f"'{key}' is of machines: containers have none"):
            VmProperties.parse({key: 5 if key == "root_disk" else "x"}, CONTAINERS)
    with pytest.raises(CloudError, match="'format' is of machines"):
        DiskProperties.parse({"format": "raw"}, CONTAINERS)
    with pytest.raises(CloudError, match="'vlan' is of machines"):
        cards_of(parsed({"a": {**MANUAL, "cloud_properties": {"vlan": 5}}}), "vm", CONTAINERS)
    assert VmProperties.parse({"ephemeral_disk": 900}, CONTAINERS).ephemeral_disk == 0


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"bridge": "b", "network": "n"}, "'bridge' excludes 'network'"),
        ({"vlan": 4095, "network": "n"}, "VLANs are numbered 1 to 4094"),
        ({"openvswitch": True}, "name the bridge too"),
        ({"bridge": "b", "vlan": 7}, "needs openvswitch: true"),
        ({"netwrk": "n"}, "unknown property 'netwrk'; did you mean 'network'"),
    ],
)
def test_wrong_networks_of_machines_are_named(given, words):
    with pytest.raises(CloudError, match=words):
        cards_of(parsed({"a": {**MANUAL, "cloud_properties": given}}), "vm", MACHINES)


def test_a_machine_has_what_its_properties_say(tmp_path):
    wanted = VmProperties.parse({"memory": 300, "cpus": 2, "ephemeral_disk": 100, "firmware": "uefi"}, MACHINES)
    assert (wanted.storage_pool, wanted.machine) == ("fast", "q35")
    card = Card("eth0", "52:54:00:00:00:01", NetworkProperties(bridge="ovs0", vlan=42, openvswitch=True))
    grouped = Card("eth1", "52:54:00:00:00:02", NetworkProperties("net1", portgroup="gold", vlan=43))
    spec = MachineSpec(
        name="m-vm-1", key="vm-1", kind="qemu", arch="x86_64", wanted=wanted, cards=(card, grouped),
        record=Record("agent<1>", "m-stemcell-1"), console="/pool/m-vm-1.console",
    )  # fmt: skip
    root = ElementTree.fromstring(machine_xml(spec))
    assert (root.get("type"), root.find("os").get("firmware"), root.find("os/type").get("machine")) == (
        "qemu",
        "efi",
        "q35",
    )
    assert root.find("cpu").get("mode") == "maximum"
    first, second = root.findall("devices/interface")
    assert first.find("virtualport").get("type") == "openvswitch"
    assert (first.find("vlan/tag").get("id"), first.find("source").get("bridge")) == ("42", "ovs0")
    assert (second.find("vlan/tag").get("id"), second.find("source").get("portgroup")) == ("43", "gold")
    assert [(one.target, one.volume) for one in disks_in(machine_xml(spec))] == [
        ("vda", "m-vm-1.root.qcow2"), ("vdb", "m-vm-1.ephemeral.qcow2"), ("vdz", "m-vm-1.config.iso"),
    ]  # fmt: skip
    about = root.find(f"metadata/{{{RECORD}}}vm")
    assert (about.get("agent"), about.get("state")) == ("agent<1>", "making")
    assert len(serial_of("m-disk-1")) == 20
    assert serial_of("m-disk-1") != serial_of("m-disk-2")
    kvm = MachineSpec(**{**{name: getattr(spec, name) for name in spec.__slots__}, "kind": "kvm"})
    assert ElementTree.fromstring(machine_xml(kvm)).find("cpu").get("mode") == "host-passthrough"
    model = VmProperties.parse({"cpu_model": "Nehalem"}, MACHINES)
    named = MachineSpec(**{**{name: getattr(spec, name) for name in spec.__slots__}, "wanted": model})
    assert ElementTree.fromstring(machine_xml(named)).findtext("cpu/model") == "Nehalem"


def test_tags_of_disks_are_kept_in_a_machines_record():
    record = Record("a", "s").with_tags("d1", {"x": "1"}).with_tags("d2", {"y": "2"}).with_tags("d1", {"x": "3"})
    assert dict(record.disks) == {"d2": (("y", "2"),), "d1": (("x", "3"),)}
    assert record.with_tags("d1", {}).disks == (("d2", (("y", "2"),)),)
    assert "urn:" not in record.element()
    assert "urn:" in record.element(declared=True)


def test_a_config_drive_is_an_iso_image_that_is_found_by_its_label(tmp_path):
    files = {"ec2/latest/user-data": b'{"agent_id": "a"}', "openstack/latest/user_data": b"x" * 5000, "top.txt": b""}
    image = config_drive.image(files)
    assert len(image) % 2048 == 0
    path = tmp_path / "drive.iso"
    path.write_bytes(image)
    told = subprocess.run(["/sbin/blkid", "-p", "-o", "export", path], capture_output=True, text=True).stdout
    assert {"LABEL=config-2", "TYPE=iso9660"} <= set(told.split())
    assert read_iso(image) == files


def read_iso(image: bytes) -> dict[str, bytes]:
    """Files by path, by the records of their folders (ECMA-119, 9.1)."""
    found: dict[str, bytes] = {}

    def walk(sector: int, size: int, prefix: str) -> None:
        rows = image[sector * 2048 : sector * 2048 + size]
        while rows and rows[0]:
            row, rows = rows[: rows[0]], rows[rows[0] :]
            place, length = int.from_bytes(row[2:6], "little"), int.from_bytes(row[10:14], "little")
            name = row[33 : 33 + row[32]].decode().lower().removesuffix(";1").removesuffix(".")
            if row[25] & 2:
                if name not in ("\0", "\1"):
                    walk(place, length, f"{prefix}{name}/")
            else:
                found[prefix + name] = image[place * 2048 : place * 2048 + length]

    root = image[16 * 2048 + 156 :]
    walk(int.from_bytes(root[2:6], "little"), int.from_bytes(root[10:14], "little"), "")
    return found


def test_kvm_is_usable_only_where_the_processor_stands_behind_it(tmp_path):
    missing = tmp_path / "none"
    assert acceleration.unusable(missing) == f"{missing} is missing"
    plain = tmp_path / "file"
    plain.write_text("")
    assert "does not answer KVM_GET_API_VERSION" in acceleration.unusable(plain)
    told: list[str] = []
    kind = "kvm" if acceleration.unusable() is None else "qemu"
    assert host.kind_of(MACHINES, Call("create_vm", log=told.append)) == kind
    assert (kind == "kvm") == (told == [])
    if kind == "qemu":
        assert "the processor is emulated (TCG)" in told[0]
        with pytest.raises(CloudError, match=r"virt_type kvm: KVM cannot be used at qemu:///system: /dev/kvm"):
            host.kind_of(Config.parse({"virt_type": "kvm"}), Call("create_vm"))
