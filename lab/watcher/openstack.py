"""What Nova told its hypervisors of their VMs, as the OpenStack lab's driver writes it down; and the disks that a hypervisor makes of its own."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path
from typing import Any

from cpi.libvirt.machine import config_drive
from lab.openstack.stack import Stack
from lab.watcher.machine import Card, Drive, Machine

PAUSE = 0.1
GIB = 1 << 30
SERIAL = 20
"""Characters of a volume's id that a guest of KVM sees as the disk's serial number."""
CONFIG_DRIVE = "sr0"


class OpenstackSource:
    """See `machine.Source`. `networks` are the ids of those that the lab's bridge stands for: VMs with no card on one of them are of no concern."""

    def __init__(self, stack: Stack, networks: frozenset[str]) -> None:
        self._stack = stack
        self._networks = networks
        self._seen: dict[Path, int] = {}

    def machines(self) -> dict[str, Machine]:
        """VMs of all hypervisors; those that boot from a volume have that as their system disk."""
        self._seen = self._times()
        found: dict[str, Machine] = {}
        for file in self._seen:
            with contextlib.suppress(FileNotFoundError):  # it has just been deleted
                known: dict[str, Any] = json.loads(file.read_text())
                if self._networks & {str(port["network_id"]) for port in known.get("ports", ())}:
                    found[str(known["uuid"])] = self._machine(file.parent, known)
        return found

    def wait(self, seconds: float) -> None:
        """By looking at the times of the records."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and self._times() == self._seen:
            time.sleep(PAUSE)

    def ended(self, machine: Machine) -> None:
        """The driver tells Nova, as a hypervisor that sees its guest end."""
        for file in self._times():
            if file.parent.name == machine.id:
                new = file.with_name("ended.new")
                new.write_text(machine.boot)
                new.rename(file.with_name("ended"))

    def _times(self) -> dict[Path, int]:
        found: dict[Path, int] = {}
        for file in self._stack.path("nova").glob("cmp*/vms/*/vm.json"):
            if not file.parent.name.endswith(".deleted"):
                with contextlib.suppress(FileNotFoundError):
                    found[file] = file.stat().st_mtime_ns
        return found

    def _machine(self, place: Path, known: dict[str, Any]) -> Machine:
        volumes = {_name(one["device"]): one for one in known["volumes"]}
        system = volumes.pop(_name(known["root_device"]), None)
        return Machine(
            id=str(known["uuid"]),
            name=str(known["uuid"]),
            boot=str(known.get("boot", "")),
            cpus=int(known["vcpus"]),
            memory=int(known["memory_mb"]),
            root=_volume(system) if system else self._stack.path("images", str(known["image"])),
            cards=tuple(Card(str(one["mac"]), str(one["network_id"])) for one in known["ports"]),
            drives=(*_own(place, known), *(_disk(target, one) for target, one in volumes.items())),
        )


def _name(device: object) -> str:
    return str(device).removeprefix("/dev/")


def _volume(volume: dict[str, Any]) -> Path:
    """The file that Cinder's connection leads to."""
    return Path(str(volume["data"]["export"]), str(volume["data"]["name"]))


def _disk(target: str, volume: dict[str, Any]) -> Drive:
    """As a guest of KVM finds it: the begin of the volume's id is its serial number, of which udev makes a link."""
    return Drive(target, _volume(volume), (f"by-id/virtio-{str(volume['id'])[:SERIAL]}",))


def _own(place: Path, known: dict[str, Any]) -> list[Drive]:
    """Disks that live and die with the VM: the ephemeral ones that its flavor has, and the config drive."""
    found: list[Drive] = []
    for number, one in enumerate(known["ephemerals"]):
        file = place / f"drive-ephemeral{number}"
        if not file.exists():
            with file.open("ab") as data:
                data.truncate(int(one["size_gb"]) * GIB)
        found.append(Drive(_name(one["device"]), file))
    top, image = place / "config-drive", place / "drive-config"
    if top.is_dir() and not image.exists():
        files = {str(path.relative_to(top)): path.read_bytes() for path in top.rglob("*") if path.is_file()}
        new = image.with_name(f"{image.name}.new")
        new.write_bytes(config_drive.image(files))
        new.rename(image)
    if image.exists():
        found.append(Drive(CONFIG_DRIVE, image, (f"by-label/{config_drive.LABEL}",)))
    return found
