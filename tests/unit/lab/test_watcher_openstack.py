"""What the OpenStack lab's driver writes down of its VMs, as the watcher understands it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent.settings.config_drive import ConfigDriveSource
from lab.openstack.stack import Stack
from lab.watcher.machine import Card
from lab.watcher.openstack import OpenstackSource

ID, VOLUME = "0f9b2a5e-5d5e-4a5c-9f0a-3f2b9d1c7e11", "77aa0000-1111-4222-8333-944444444444"


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    return Stack(tmp_path, tmp_path / "venv")


def write(stack: Stack, id: str = ID, **changes: Any) -> Path:
    """A VM's directory, as the driver leaves it."""
    place = stack.path("nova", "cmp1", "vms", id)
    place.mkdir(parents=True, exist_ok=True)
    known: dict[str, Any] = {
        "uuid": id, "vcpus": 2, "memory_mb": 512, "image": "i-1", "root_device": "/dev/vda", "boot": "3", "volumes": [],
        "ephemerals": [], "ports": [{"mac": "fa:16:3e:00:00:01", "network_id": "net-1"}],
    }  # fmt: skip
    (place / "vm.json").write_text(json.dumps({**known, **changes}))
    return place


def volume(stack: Stack, device: str) -> dict[str, Any]:
    return {
        "device": device,
        "id": VOLUME,
        "data": {"export": str(stack.path("volumes")), "name": f"volume-{VOLUME}", "format": "raw"},
    }


def test_a_vm_is_what_nova_told_its_hypervisor(stack: Stack):
    write(stack, volumes=[volume(stack, "/dev/vdb")])
    [machine] = OpenstackSource(stack, frozenset({"net-1"})).machines().values()
    assert (machine.id, machine.name, machine.boot, machine.cpus, machine.memory) == (ID, ID, "3", 2, 512)
    assert machine.root == stack.path("images", "i-1")
    assert machine.cards == (Card("fa:16:3e:00:00:01", "net-1"),)
    [disk] = machine.drives
    assert (disk.target, disk.file) == ("vdb", stack.path("volumes", f"volume-{VOLUME}"))
    assert disk.links == ("by-id/virtio-77aa0000-1111-4222-8",)


def test_a_vm_that_boots_from_a_volume_has_that_as_its_root(stack: Stack):
    write(stack, image="", volumes=[volume(stack, "/dev/vda")])
    [machine] = OpenstackSource(stack, frozenset({"net-1"})).machines().values()
    assert (machine.root, machine.drives) == (stack.path("volumes", f"volume-{VOLUME}"), ())


def test_vms_of_other_networks_and_deleted_ones_are_of_no_concern(stack: Stack):
    write(stack, ports=[{"mac": "fa:16:3e:00:00:02", "network_id": "net-2"}])
    write(stack, f"{ID[:-1]}2.deleted")
    assert OpenstackSource(stack, frozenset({"net-1"})).machines() == {}


def test_the_ephemeral_disk_and_the_config_drive_are_supplied(stack: Stack):
    place = write(stack, ephemerals=[{"device": "/dev/vdb", "size_gb": 1}])
    settings = place / "config-drive/ec2/latest/user-data"
    settings.parent.mkdir(parents=True)
    settings.write_text(json.dumps({"agent_id": "a-1"}))
    source = OpenstackSource(stack, frozenset({"net-1"}))
    ephemeral, drive = source.machines()[ID].drives
    assert (ephemeral.target, ephemeral.file.stat().st_size, ephemeral.file.stat().st_blocks) == ("vdb", 1 << 30, 0)
    assert (drive.target, drive.links) == ("sr0", ("by-label/config-2",))
    assert ConfigDriveSource([str(drive.file)], "ec2/latest/user-data").read() == {"agent_id": "a-1"}
    ephemeral.file.write_bytes(b"written")
    assert source.machines()[ID].drives[0].file.read_bytes() == b"written"


def test_the_end_of_a_guest_is_told_with_the_start_that_it_ended(stack: Stack):
    place = write(stack)
    source = OpenstackSource(stack, frozenset({"net-1"}))
    source.ended(source.machines()[ID])
    assert (place / "ended").read_text() == "3"


def test_a_change_ends_the_wait(stack: Stack):
    write(stack)
    source = OpenstackSource(stack, frozenset({"net-1"}))
    source.machines()
    write(stack, f"{ID[:-1]}3")
    source.wait(60)
