"""Parts of the libvirt CPI that need neither root nor libvirtd."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cpi.contract import Call, CloudError, DeadlineExceeded, Network
from cpi.libvirt import agent_settings, container_init, guest_addresses, metadata
from cpi.libvirt.config import Config
from cpi.libvirt.domain import DomainSpec, container_xml, disk_xml, disks_in, uuid_of
from cpi.libvirt.names import LONGEST, cid_of
from cpi.libvirt.networks import Card, cards_of, mac_of, settled
from cpi.libvirt.properties import NetworkProperties
from cpi.libvirt.records import Shelf
from cpi.vm_status import end_of

CONTAINERS = Config.parse({})
MANUAL = {"type": "manual", "ip": "10.77.0.20", "netmask": "255.255.255.0"}


def parse(entries):
    return {name: Network.parse(name, entry) for name, entry in entries.items()}


def test_the_key_is_the_name():
    assert cid_of("run1", "vm", "vm-123") == "run1-vm-123"
    assert cid_of("run1", "disk", "abc") == "run1-disk-abc"
    assert cid_of("m", "vm", None) != cid_of("m", "vm", None)


@given(st.text(min_size=1), st.text(min_size=1))
def test_any_key_makes_a_name_that_is_its_own(first, second):
    one, two = cid_of("m", "vm", first), cid_of("m", "vm", second)
    assert one == cid_of("m", "vm", first)
    assert len(one) <= LONGEST
    assert one.isascii()
    assert not set(one) & set("/ \0\n")
    strip = {first.removeprefix("vm-"), second.removeprefix("vm-")}
    assert (one == two) == (len(strip) == 1 or first == second)


def test_cards_follow_the_networks_in_order():
    networks = parse(
        {
            "a": MANUAL,
            "float": {"type": "vip", "ip": "1.2.3.4"},
            "b": {**MANUAL, "ip": "10.78.0.20", "cloud_properties": {"network": "other"}},
            "c": {"type": "dynamic", "cloud_properties": {"bridge": "br9"}},
        }
    )
    cards = cards_of(networks, "vm-1", CONTAINERS)
    assert cards["a"] == Card("eth0", "52:54:0a:4d:00:14", NetworkProperties("default"))
    assert cards["b"] == Card("eth1", "52:54:0a:4e:00:14", NetworkProperties("other"))
    assert (cards["c"].device, cards["c"].place.bridge) == ("eth2", "br9")
    assert "float" not in cards
    answer = settled(networks, cards)
    assert answer["a"] == {**MANUAL, "mac": "52:54:0a:4d:00:14"}
    assert answer["float"] == {"type": "vip", "ip": "1.2.3.4"}


def test_networks_of_one_nic_group_share_a_card():
    networks = parse({"v4": {**MANUAL, "nic_group": "1"}, "v6": {**MANUAL, "ip": "fd00::5", "nic_group": 1}})
    cards = cards_of(networks, "vm-1", CONTAINERS)
    assert cards["v4"] == cards["v6"]


def test_a_vm_of_vip_networks_only_is_refused():
    with pytest.raises(CloudError, match="besides its vip"):
        cards_of(parse({"v": {"type": "vip", "ip": "1.1.1.1"}}), "vm", CONTAINERS)


@given(st.ip_addresses())
def test_macs_follow_addresses_and_are_local_unicast(address):
    mac = mac_of(str(address), "x")
    assert mac == mac_of(str(address), "y")
    first = int(mac.split(":")[0], 16)
    assert first & 2
    assert not first & 1
    assert len(mac) == 17


def test_macs_without_address_differ_by_vm():
    assert mac_of(None, "vm-1/a") != mac_of(None, "vm-2/a")


def test_domain_xml_escapes_and_holds_everything(tmp_path):
    spec = DomainSpec(
        name="m-vm-1", key='k<&"', memory=300, cpus=2, cards=(Card("eth0", "52:54:00:00:00:01", NetworkProperties("net&1")),), init="/i",
        environment={"A": "<b>"}, mounts={"/": tmp_path / "a&b"},
    )  # fmt: skip
    root = ElementTree.fromstring(container_xml(spec))
    assert root.get("type") == "lxc"
    assert root.findtext("uuid") == uuid_of("m-vm-1")
    assert (root.findtext("memory"), root.findtext("vcpu")) == ("300", "2")
    assert root.findtext("cputune/quota") == "200000"
    assert root.findtext("os/initenv") == "<b>"
    assert root.find("devices/filesystem/source").get("dir") == str(tmp_path / "a&b")
    assert root.find("devices/interface/source").get("network") == "net&1"
    assert root.find(f"metadata/{{{metadata.NAMESPACE}}}vm").get("key") == 'k<&"'
    assert root.findtext("on_reboot") == "restart"
    bridged = Card("eth0", "52:54:00:00:00:01", NetworkProperties(bridge="br0"))
    root = ElementTree.fromstring(container_xml(DomainSpec("n", "", 1, 1, (bridged,), "/i", {})))
    assert root.find("devices/interface").get("type") == "bridge"
    assert root.find("devices/interface/source").get("bridge") == "br0"


def test_disks_are_read_back_out_of_xml():
    xml = f"<domain><devices>{disk_xml('/dev/loop3', 'sdb')}{disk_xml('/dev/loop5', 'sdc')}</devices></domain>"
    assert disks_in(xml) == {"sdb": "/dev/loop3", "sdc": "/dev/loop5"}


def test_tags_survive_the_metadata_element():
    tags = {"job": "a & b", "name": "<g>/0", "empty": ""}
    assert metadata.read(metadata.element("key", tags)) == tags


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"virt_type": "vmware"}, "'virt_type' must be one of 'lxc', 'qemu', 'kvm'"),
        ({"virtype": "lxc"}, "unknown property 'virtype'; did you mean 'virt_type'"),
        ({"uri": "qemu:///system"}, "'uri' is of libvirt's driver 'qemu', but virt_type lxc"),
        ({"virt_type": "kvm", "uri": "lxc:///system"}, "'uri' is of libvirt's driver 'lxc', but virt_type kvm"),
        ({"uri": "lxc+ssh://root@host/system"}, "is of another host: a container's root and disks are mounts"),
        ({"virt_type": "qemu", "uri": "qemu+tcp://host/system"}, "secrets unencrypted"),
        ({"virt_type": "qemu", "uri": "qemu+carrier://host/system"}, "transport 'carrier'"),
        ({"storage_pool": "p"}, "'storage_pool' is of machines"),
        ({"virt_type": "qemu", "firmware": "coreboot"}, "'firmware' must be one of 'bios', 'uefi'"),
        ({"virt_type": "qemu", "machine": "virt"}, "'machine' must be one of 'pc', 'q35'"),
        ({"agent": {"mbs": "x"}}, "unknown property 'mbs'"),
        ({"state_dir": "relative"}, "must be absolute"),
        ({"state_dir": "/a:b"}, "must be absolute, without"),
        ({"name_prefix": "a/b"}, "name_prefix"),
        ({"name_prefix": "a" * 21}, "1 to 20 letters"),
        ({"memory": "1"}, "'memory' must be a whole number above 0, not a string"),
        ({"cpus": 0}, "'cpus' must be a whole number above 0"),
        ({"agent": []}, "'agent' must be a hash"),
        ({"agent": None}, None),
        ({"agent": "x"}, "'agent' must be a hash"),
        ({"ntp": "pool"}, "'ntp' must be a list"),
        ({"uri": True}, "'uri' must be a string"),
    ],
)
def test_wrong_properties_are_named(properties, words):
    if words is None:
        assert Config.parse(properties).mbus == ""
    else:
        with pytest.raises(CloudError, match=words):
            Config.parse(properties)


def test_agent_settings_come_from_either_place():
    blob = {"provider": "dav"}
    for properties in (
        {"agent": {"mbus": "nats://a", "ntp": ["t"], "blobstore": blob}},
        {"mbus": "nats://a", "ntp": ["t"], "blobstore": blob},
    ):
        config = Config.parse(properties)
        assert (config.mbus, config.ntp, config.blobstore) == ("nats://a", ("t",), blob)


def test_settings_are_for_root_alone(tmp_path):
    agent_settings.write(tmp_path / "seed", {"agent_id": "a"})
    agent_settings.write(tmp_path / "seed", {"agent_id": "b"})
    assert (tmp_path / "seed" / "settings.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "seed" / "settings.json").read_text() == '{"agent_id": "b"}'


def test_records_are_kept_found_and_removed(tmp_path):
    shelf = Shelf(tmp_path, "disk")
    assert shelf.read("d-1") is None
    assert shelf.cids() == []
    shelf.write("d-1", {"size": 5})
    (shelf.folder("d-1") / "disk.raw").write_bytes(b"x")
    assert shelf.read("d-1") == {"size": 5}
    assert shelf.cids() == ["d-1"]
    shelf.remove("d-1")
    shelf.remove("d-1")
    assert not shelf.folder("d-1").exists()
    (tmp_path / "disks" / "d-2").mkdir()
    (tmp_path / "disks" / "d-2" / "record.json").write_text("{")
    with pytest.raises(CloudError, match="the record is damaged"):
        shelf.read("d-2")


@pytest.mark.parametrize("cid", ["", ".", "..", "../x", "a/b", ".x", "a\0b", "x" * 201])
def test_cids_never_leave_their_shelf(tmp_path, cid):
    with pytest.raises(CloudError, match="is not a vm CID"):
        Shelf(tmp_path, "vm").folder(cid)


def test_one_call_at_a_time_holds_an_object(tmp_path):
    shelf, order = Shelf(tmp_path, "vm"), []

    def hold(name):
        with shelf.lock("vm-1", Call("x")):
            order.append(f"{name}+")
            time.sleep(0.05)
            order.append(f"{name}-")

    threads = [threading.Thread(target=hold, args=(str(number),)) for number in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(order) == 10
    assert all(order[index][0] == order[index + 1][0] for index in range(0, 10, 2))
    assert list((tmp_path / "locks").iterdir()) == []


def test_a_wait_for_an_object_ends_with_the_deadline(tmp_path):
    shelf = Shelf(tmp_path, "vm")
    late = Call("delete_vm", expires=time.monotonic() + 0.2)
    with (
        shelf.lock("vm-1", Call("create_vm")),
        pytest.raises(DeadlineExceeded, match="another call holds vm 'vm-1'"),
        shelf.lock("vm-1", late),
    ):
        pass
    with pytest.raises(DeadlineExceeded, match="stopped between two steps"), shelf.lock("vm-1", late):
        pass


def test_the_first_process_is_a_valid_script(tmp_path):
    script = tmp_path / "init"
    script.write_text(container_init.SCRIPT)
    assert subprocess.run(["sh", "-n", script], capture_output=True).stderr == b""
    assert not Path(container_init.PLACE).is_absolute()


TRIE = """Main:
  +-- 0.0.0.0/0 3 0 5
     +-- 127.0.0.0/8 2 0 2
        +-- 127.0.0.0/31 1 0 0
           |-- 127.0.0.0
              /8 host LOCAL
           |-- 127.0.0.1
              /32 host LOCAL
     +-- 10.77.0.0/24 2 0 2
        +-- 10.77.0.0/27 2 0 2
           |-- 10.77.0.0
              /24 link UNICAST
           |-- 10.77.0.20
              /32 host LOCAL
        |-- 10.77.0.255
           /32 link BROADCAST
     |-- 169.254.3.4
        /32 host LOCAL
"""
INET6 = """00000000000000000000000000000001 01 80 10 80       lo
fe8000000000000000fc00fffe000001 04 40 20 80     eth0
fd000000000000000000000000000002 04 40 00 82     eth0
"""


def test_addresses_that_a_guest_has():
    assert guest_addresses.local_addresses(TRIE) == ["10.77.0.20"]
    assert guest_addresses.local_addresses("Main:\n") == []
    assert guest_addresses.global_addresses(INET6) == ["fd00::2"]


def test_the_end_of_a_console_is_whole_lines():
    text = "first\nsecond\nthird\n"
    assert end_of(text, 100) == text
    assert end_of(text, 8) == "third\n"
    assert end_of("one long line", 4) == "line"
    assert end_of(text, 0) == ""
