"""Flavors: by name or id, or the smallest that is large enough."""

from __future__ import annotations

import math
from typing import cast

from cpi.contract import CloudError, InvalidCall, Json
from cpi.openstack.batch import Document
from cpi.openstack.cloud import Cloud
from cpi.openstack.refusals import told

SYSTEM = 10
"""GiB of a root disk that the system takes, where the ephemeral disk is a part of it."""
GIB = 1024
WANTED = ("cpu", "ram", "ephemeral_disk_size")


def named(cloud: Cloud, name: str) -> Document:
    """The flavor of this name or id, checked against the agent's need."""
    listed = _all(cloud)
    found = next((one for one in listed if name in (one["name"], one["id"])), None)
    if found is None:
        raise CloudError(f"instance_type '{name}': nova at {cloud.nova.where()} has no such flavor; there are: "
                         f"{', '.join(sorted(str(one['name']) for one in listed)) or 'none'}")  # fmt: skip
    ephemeral, ram = ephemeral_of(found), int(found["ram"])
    if ephemeral and ephemeral * GIB < 2 * ram:
        raise CloudError(f"instance_type '{name}' has an ephemeral disk of {ephemeral} GiB for {ram} MiB of memory: swap "
                         f"takes half of it, so it needs at least {math.ceil(2 * ram / GIB)} GiB")  # fmt: skip
    return found


def ephemeral_of(flavor: Document) -> int:
    """GiB of a flavor's ephemeral disk."""
    return int(flavor.get("OS-FLV-EXT-DATA:ephemeral") or 0)


def fitting(cloud: Cloud, requirements: Json) -> Json:
    """Cloud properties for a need of {cpu, ram, ephemeral_disk_size} (MiB)."""
    need = {key: requirements.get(key) for key in WANTED}
    for key, value in need.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidCall(f"calculate_vm_cloud_properties: {key} must be a whole number above 0, not {value!r}")
    cpu, ram, disk = (cast(int, need[key]) for key in WANTED)
    gib = math.ceil(disk / GIB)
    by_volume = cloud.config.boot_from_volume
    with told("choose a flavor"):
        listed = _all(cloud)
    fits = [
        one for one in listed if int(one["vcpus"]) >= cpu and int(one["ram"]) >= ram and _holds(one, gib, by_volume)
    ]
    if not fits:
        known = ", ".join(f"{one['name']} ({one['vcpus']} CPUs, {one['ram']} MiB, {_space(one)} GiB)" for one in listed)
        raise CloudError(f"no flavor has {cpu} CPUs, {ram} MiB of memory and {gib} GiB of ephemeral disk; nova at "
                         f"{cloud.nova.where()} has: {known or 'none'}")  # fmt: skip
    best = min(fits, key=lambda one: (int(one["vcpus"]), int(one["ram"]), _space(one), str(one["name"])))
    chosen: dict[str, object] = {"instance_type": best["name"]}
    if by_volume and not ephemeral_of(best):
        chosen["root_disk"] = {"size": gib + SYSTEM}
    return chosen


def _holds(flavor: Document, gib: int, by_volume: bool) -> bool:
    ephemeral = ephemeral_of(flavor)
    if ephemeral:
        return ephemeral >= gib and ephemeral * GIB >= 2 * int(flavor["ram"])
    return by_volume or int(flavor["disk"]) >= gib + SYSTEM


def _space(flavor: Document) -> int:
    return int(flavor["disk"]) + ephemeral_of(flavor)


def _all(cloud: Cloud) -> list[Document]:
    return cloud.nova.pages("/flavors/detail", "flavors", {"limit": 1000})
