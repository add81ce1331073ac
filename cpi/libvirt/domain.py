"""Domain XML."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

from cpi.libvirt.metadata import NAMESPACE, PREFIX
from cpi.libvirt.networks import Card, add_card

Element = ElementTree.Element
sub = ElementTree.SubElement
PERIOD = 100_000
"""Microseconds in which a VM may use `cpus` times as much."""


@dataclass(frozen=True, slots=True)
class DomainSpec:
    """What a container domain consists of. `mounts`: place inside -> directory of the host."""

    name: str
    key: str
    memory: int
    cpus: int
    cards: tuple[Card, ...]
    init: str
    environment: Mapping[str, str]
    mounts: Mapping[str, Path] = field(default_factory=dict[str, Path])


def uuid_of(name: str) -> str:
    """The domain's UUID follows from its name, so that its processes can be told without libvirt."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}/{name}"))


def container_xml(spec: DomainSpec) -> str:
    """Domain XML for the LXC driver (libvirt formatdomain)."""
    ElementTree.register_namespace(PREFIX, NAMESPACE)
    root = Element("domain", {"type": "lxc"})
    sub(root, "name").text = spec.name
    sub(root, "uuid").text = uuid_of(spec.name)
    sub(sub(root, "metadata"), f"{{{NAMESPACE}}}vm", {"key": spec.key})
    sub(root, "memory", {"unit": "MiB"}).text = str(spec.memory)
    sub(root, "vcpu").text = str(spec.cpus)
    tune = sub(root, "cputune")
    sub(tune, "shares").text = str(1024 * spec.cpus)
    sub(tune, "period").text = str(PERIOD)
    sub(tune, "quota").text = str(PERIOD * spec.cpus)
    system = sub(root, "os")
    sub(system, "type").text = "exe"
    sub(system, "init").text = spec.init
    for name, value in spec.environment.items():
        sub(system, "initenv", {"name": name}).text = value
    features = sub(root, "features")
    sub(features, "privnet")
    sub(features, "capabilities", {"policy": "allow"})
    for event, action in (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")):
        sub(root, event).text = action
    devices = sub(root, "devices")
    for target, source in spec.mounts.items():
        filesystem = sub(devices, "filesystem", {"type": "mount"})
        sub(filesystem, "source", {"dir": str(source)})
        sub(filesystem, "target", {"dir": target})
    for card in spec.cards:
        sub(add_card(devices, card), "guest", {"dev": card.device})
    sub(devices, "console", {"type": "pty"})
    return ElementTree.tostring(root, encoding="unicode")


def disk_xml(source: str, target: str) -> str:
    """A block device of the host as /dev/TARGET."""
    disk = Element("disk", {"type": "block", "device": "disk"})
    sub(disk, "source", {"dev": source})
    sub(disk, "target", {"dev": target, "bus": "scsi"})
    return ElementTree.tostring(disk, encoding="unicode")


def disks_in(xml: str) -> dict[str, str]:
    """Target -> source device of all disks in a domain's XML."""
    found: dict[str, str] = {}
    for disk in ElementTree.fromstring(xml).findall("./devices/disk"):  # noqa: S314 - libvirt's own answer
        source, target = disk.find("source"), disk.find("target")
        if target is not None:
            found[target.get("dev", "")] = source.get("dev", "") if source is not None else ""
    return found
