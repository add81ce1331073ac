"""What QEMU's guest agent tells of the inside of a machine, where it is at work; nothing is waited for where it is not."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Generator
from typing import Any, cast

import libvirt

from cpi.contract import Call
from cpi.libvirt.machine.xml import agent_connected

PATIENCE, GLANCE = 5, 1
"""Seconds that libvirt waits for the agent's word; the latter where VMs are only looked at."""


def mounted_at(found: libvirt.virDomain, serial: str) -> str:
    """Where the guest has a disk mounted; empty if nowhere, or if nobody tells."""
    for system in _file_systems(found):
        # of a SCSI disk the agent tells udev's name for it, which ends with the serial number
        serials = [str(disk["serial"]) for disk in cast("list[dict[str, Any]]", system["disks"])]
        if any(one.endswith(serial) for one in serials):
            return str(system["mountpoint"])
    return ""


@contextlib.contextmanager
def still(found: libvirt.virDomain, uri: str, serial: str, call: Call) -> Generator[None]:
    """While inside, the guest's file system on the disk is complete and does not change, where the agent can see to that.

    A helper thaws it even if this process is killed.
    """
    place = mounted_at(found, serial)
    if not place:
        yield
        return
    thaw = 'read -r _; virsh -q -c "$0" domfsthaw "$1" >/dev/null'
    with subprocess.Popen(
        ["sh", "-c", thaw, uri, found.name()], stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True
    ) as helper:
        try:
            found.fsFreeze([place], 0)
            call.log(f"{place} in VM '{found.name()}' stands still")
            yield
        finally:
            helper.communicate()


def addresses(found: libvirt.virDomain) -> tuple[str, ...] | None:
    """The addresses that the guest has given itself, without loopback and link-local ones; None when nobody tells."""
    if not _ready(found, GLANCE):
        return None
    try:
        cards = found.interfaceAddresses(libvirt.VIR_DOMAIN_INTERFACE_ADDRESSES_SRC_AGENT, 0)
    except libvirt.libvirtError:
        return None
    found_there = [
        str(address["addr"])
        for name, card in cast("dict[str, dict[str, Any]]", cards).items()
        for address in card.get("addrs") or []
        if name != "lo"
    ]
    return tuple(one for one in found_there if not one.startswith(("169.254.", "fe80:", "127.")) and one != "::1")


def _file_systems(found: libvirt.virDomain) -> list[dict[str, Any]]:
    if not _ready(found, PATIENCE):
        return []
    try:
        told = found.guestInfo(libvirt.VIR_DOMAIN_GUEST_INFO_FILESYSTEM, 0)
    except libvirt.libvirtError:
        return []
    facts = cast("dict[str, Any]", told)
    systems: list[dict[str, Any]] = []
    for number in range(int(facts.get("fs.count", 0))):
        disks = [
            {"serial": facts.get(f"fs.{number}.disk.{disk}.serial", "")}
            for disk in range(int(facts.get(f"fs.{number}.disk.count", 0)))
        ]
        systems.append({"mountpoint": facts.get(f"fs.{number}.mountpoint", ""), "disks": disks})
    return systems


def _ready(found: libvirt.virDomain, seconds: int) -> bool:
    if not found.isActive() or not agent_connected(found.XMLDesc(0)):
        return False
    found.agentSetResponseTimeout(seconds, 0)
    return True
