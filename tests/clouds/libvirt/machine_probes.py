"""What libvirt and the pool say of the libvirt CPI's machines, for the conformance kit. Runs inside the lab.

The kit's machines boot nothing: what a guest would write and read is written and read in the volume's file.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import libvirt


def inventory(properties: dict[str, Any]) -> list[str]:
    """Domains and volumes."""
    connection = _connection(properties)
    found = [f"domain {domain.name()}" for domain in connection.listAllDomains()]
    return found + [f"volume {path.name}" for path in _pool(connection).iterdir()]


def settings(properties: dict[str, Any], vm: str) -> Any:
    """The agent's file on the config drive, by its place in the root's folders."""
    image = (_pool(_connection(properties)) / f"{vm}.config.iso").read_bytes()
    begin = image.index(b'{"agent_id"')
    return json.JSONDecoder().raw_decode(image[begin:].decode(errors="replace"))[0]


def write(properties: dict[str, Any], vm: str, disk: str, hint: dict[str, str], text: str) -> None:
    _has(properties, vm, hint)
    with (_pool(_connection(properties)) / f"{disk}.raw").open("r+b") as file:
        file.seek(4096)
        file.write(text.encode())


def read(properties: dict[str, Any], vm: str, disk: str, hint: dict[str, str]) -> str:
    _has(properties, vm, hint)
    with (_pool(_connection(properties)) / f"{disk}.raw").open("rb") as file:
        file.seek(4096)
        return file.read(32).decode(errors="replace")


def vanish(properties: dict[str, Any], vm: str) -> None:
    """The domain is destroyed and undefined by somebody else."""
    domain = _connection(properties).lookupByName(vm)
    domain.destroy()
    domain.undefine()


def _has(properties: dict[str, Any], vm: str, hint: dict[str, str]) -> None:
    """A disk with the hint's serial is really in the running machine."""
    xml = _connection(properties).lookupByName(vm).XMLDesc(0)
    assert f"<serial>{hint['id']}</serial>" in xml, f"{vm} has no disk {hint}"


def _pool(connection: libvirt.virConnect) -> Path:
    xml = connection.storagePoolLookupByName("default").XMLDesc(0)
    return Path(xml.partition("<path>")[2].partition("</path>")[0])


def _connection(properties: dict[str, Any]) -> libvirt.virConnect:
    libvirt.registerErrorHandler(lambda *_: None, None)
    return libvirt.open(properties["uri"])
