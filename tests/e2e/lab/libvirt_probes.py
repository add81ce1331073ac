"""What libvirt and the machine say of the libvirt CPI's VMs and disks, for the conformance kit. Runs inside the lab."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import libvirt

FOLDERS = ("stemcells", "vms", "disks", "snapshots")


def inventory(properties: dict[str, Any]) -> list[str]:
    """Domains, folders, and loop devices of disks."""
    state = Path(properties["state_dir"])
    found = [f"domain {domain.name()}" for domain in _connection(properties).listAllDomains()]
    for folder in FOLDERS:
        if (state / folder).is_dir():
            found += [f"{folder} {path.name}" for path in (state / folder).iterdir()]
    for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
        try:
            file = backing.read_text().strip()
        except OSError:  # another's, which has just gone
            continue
        if file.startswith(f"{state}/"):
            found.append(f"loop {file}")
    return found


def settings(properties: dict[str, Any], vm: str) -> Any:
    """The seed, as the VM's first process sees it."""
    return json.loads((_root(properties, vm) / "var/vcap/seed/settings.json").read_text())


def write(properties: dict[str, Any], vm: str, disk: str, hint: dict[str, str], text: str) -> None:
    """Through the VM's own device node."""
    with (_root(properties, vm) / hint["path"].lstrip("/")).open("r+b", buffering=0) as device:
        device.seek(4096)
        device.write(text.encode())
        os.fsync(device.fileno())


def read(properties: dict[str, Any], vm: str, disk: str, hint: dict[str, str]) -> str:
    with (_root(properties, vm) / hint["path"].lstrip("/")).open("rb") as device:
        device.seek(4096)
        return device.read(32).decode(errors="replace")


def vanish(properties: dict[str, Any], vm: str) -> None:
    """The domain is destroyed and undefined by somebody else."""
    domain = _connection(properties).lookupByName(vm)
    domain.destroy()
    domain.undefine()


def _root(properties: dict[str, Any], vm: str) -> Path:
    supervisor = _connection(properties).lookupByName(vm).ID()
    children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
    return Path(f"/proc/{children[0]}/root")


def _connection(properties: dict[str, Any]) -> libvirt.virConnect:
    libvirt.registerErrorHandler(lambda *_: None, None)
    return libvirt.open(properties["uri"])
