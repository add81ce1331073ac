"""Domain XML of machines (libvirt formatdomain)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from xml.etree import ElementTree

from cpi.libvirt import metadata
from cpi.libvirt.domain import uuid_of
from cpi.libvirt.machine import record as records
from cpi.libvirt.machine.record import Record
from cpi.libvirt.networks import Card, add_card
from cpi.libvirt.properties import VmProperties

Element = ElementTree.Element
sub = ElementTree.SubElement
ROOT, EPHEMERAL, CONFIG = "vda", "vdb", "vdz"
EPHEMERAL_SERIAL = "meristem-ephemeral-0"
"""20 characters, as many as a virtio disk shows."""
SPARE_PORTS = 8
"""Ports of a q35 machine that stay free, for cards and controllers added later."""
TRANSLATIONS = 96
"""MiB of translated code that QEMU keeps when it emulates the processor; its own choice would be a GiB."""
AGENT = "org.qemu.guest_agent.0"


@dataclass(frozen=True, slots=True)
class MachineSpec:
    """What a machine consists of. `wanted` names the pool of its own volumes; `console`: file of libvirt's host."""

    name: str
    key: str
    kind: str
    arch: str
    wanted: VmProperties
    cards: tuple[Card, ...]
    record: Record
    console: str


@dataclass(frozen=True, slots=True)
class Attached:
    """A disk of a domain. `file` is set for the few that are no volume."""

    target: str
    pool: str
    volume: str
    serial: str = ""
    file: str = ""


def serial_of(disk_cid: str) -> str:
    """What a guest sees of a persistent disk: 20 characters, as agents want to see them."""
    return hashlib.sha256(disk_cid.encode()).hexdigest()[:20]


def machine_xml(spec: MachineSpec) -> str:
    """The whole domain."""
    ElementTree.register_namespace(metadata.PREFIX, metadata.NAMESPACE)
    ElementTree.register_namespace(records.PREFIX, records.NAMESPACE)
    wanted = spec.wanted
    root = Element("domain", {"type": spec.kind})
    sub(root, "name").text = spec.name
    sub(root, "uuid").text = uuid_of(spec.name)
    about = sub(root, "metadata")
    sub(about, f"{{{metadata.NAMESPACE}}}vm", {"key": spec.key})
    about.append(ElementTree.fromstring(spec.record.element(declared=True)))  # noqa: S314 - our own
    sub(root, "memory", {"unit": "MiB"}).text = str(wanted.memory)
    sub(root, "vcpu").text = str(wanted.cpus)
    system = sub(root, "os", {"firmware": "efi"} if wanted.firmware == "uefi" else {})
    sub(system, "type", {"arch": spec.arch, "machine": wanted.machine}).text = "hvm"
    if wanted.firmware == "uefi":
        firmware = sub(system, "firmware")
        sub(firmware, "feature", {"enabled": "no", "name": "secure-boot"})
    sub(system, "boot", {"dev": "hd"})
    features = sub(root, "features")
    sub(features, "acpi")
    sub(features, "apic")
    if spec.kind == "qemu":
        sub(sub(features, "tcg"), "tb-cache", {"unit": "MiB"}).text = str(TRANSLATIONS)
    _add_cpu(root, wanted.cpu_model, spec.kind)
    sub(root, "clock", {"offset": "utc"})
    for event, action in (("on_poweroff", "destroy"), ("on_reboot", "restart"), ("on_crash", "destroy")):
        sub(root, event).text = action
    _add_devices(sub(root, "devices"), spec)
    return ElementTree.tostring(root, encoding="unicode")


def disk_xml(disk: Attached, form: str) -> str:
    """A persistent disk. On SCSI: a disk leaves at once, while a PCI card waits for a guest that may be hung."""
    return ElementTree.tostring(_disk(disk, form, "scsi"), encoding="unicode")


def disks_in(xml: str) -> list[Attached]:
    """All disks of a domain's XML."""
    found: list[Attached] = []
    for disk in ElementTree.fromstring(xml).findall("./devices/disk"):  # noqa: S314 - libvirt's own answer
        source, target = disk.find("source"), disk.find("target")
        if target is not None:
            place: dict[str, str] = {} if source is None else dict(source.attrib)
            found.append(
                Attached(
                    target.get("dev", ""),
                    place.get("pool", ""),
                    place.get("volume", ""),
                    disk.findtext("serial") or "",
                    place.get("file", ""),
                )
            )
    return found


def agent_connected(xml: str) -> bool:
    """Whether QEMU's guest agent is at work inside."""
    targets = ElementTree.fromstring(xml).findall("./devices/channel/target")  # noqa: S314 - libvirt's own answer
    return any(one.get("name") == AGENT and one.get("state") == "connected" for one in targets)


def _add_cpu(root: Element, model: str, kind: str) -> None:
    if not model:
        model = "host-passthrough" if kind == "kvm" else "maximum"
    if model in ("host-passthrough", "host-model", "maximum"):
        sub(root, "cpu", {"mode": model})
        return
    cpu = sub(root, "cpu", {"mode": "custom", "match": "exact", "check": "none"})
    sub(cpu, "model", {"fallback": "forbid"}).text = model


def _add_devices(devices: Element, spec: MachineSpec) -> None:
    wanted, name = spec.wanted, spec.name
    pool = wanted.storage_pool
    devices.append(_disk(Attached(ROOT, pool, f"{name}.root.qcow2"), "qcow2", "virtio"))
    if wanted.ephemeral_disk:
        own = Attached(EPHEMERAL, pool, f"{name}.ephemeral.qcow2", EPHEMERAL_SERIAL)
        devices.append(_disk(own, "qcow2", "virtio"))
    drive = _disk(Attached(CONFIG, pool, f"{name}.config.iso"), "raw", "virtio")
    sub(drive, "readonly")
    devices.append(drive)
    sub(devices, "controller", {"type": "scsi", "index": "0", "model": "virtio-scsi"})
    sub(devices, "controller", {"type": "usb", "model": "none"})
    if wanted.machine == "q35":
        sub(devices, "controller", {"type": "pci", "index": "0", "model": "pcie-root"})
        for _ in range(SPARE_PORTS):
            sub(devices, "controller", {"type": "pci", "model": "pcie-root-port"})
    for card in spec.cards:
        interface = add_card(devices, card)
        sub(interface, "model", {"type": "virtio"})
        sub(interface, "rom", {"enabled": "no"})  # nobody boots from the network; asking for it takes seconds
    serial = sub(devices, "serial", {"type": "pty"})
    sub(serial, "log", {"file": spec.console, "append": "off"})
    channel = sub(devices, "channel", {"type": "unix"})
    sub(channel, "target", {"type": "virtio", "name": AGENT})
    sub(sub(devices, "rng", {"model": "virtio"}), "backend", {"model": "random"}).text = "/dev/urandom"
    sub(devices, "memballoon", {"model": "none"})


def _disk(disk: Attached, form: str, bus: str) -> Element:
    element = Element("disk", {"type": "volume", "device": "disk"})
    sub(element, "driver", {"name": "qemu", "type": form, "discard": "unmap"})
    sub(element, "source", {"pool": disk.pool, "volume": disk.volume})
    sub(element, "target", {"dev": disk.target, "bus": bus})
    if disk.serial:
        sub(element, "serial").text = disk.serial
    return element
