"""The settings document that the agent reads at its first start, as user data of the VM."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping

from cpi.contract import CloudError, Json, Network
from cpi.openstack.batch import Document
from cpi.openstack.config import Config
from cpi.openstack.flavors import ephemeral_of

LARGEST = 65535
"""Bytes of user data that nova takes, in base64."""


def document(
    config: Config, agent_id: str, name: str, networks: Mapping[str, Json], env: Json, flavor: Document
) -> dict[str, object]:
    """Complete settings; disks.persistent stays empty, the director tells the agent each disk's hint."""
    entries = {key: _entry(config, dict(network)) for key, network in networks.items()}
    servers = next((entry["dns"] for entry in entries.values() if entry.get("dns")), None)
    return {
        "server": {"name": name},
        "vm": {"name": name},
        "agent_id": agent_id,
        "mbus": config.mbus,
        "ntp": list(config.ntp),
        "blobstore": dict(config.blobstore or {}),
        "disks": {"system": "/dev/sda", "ephemeral": "/dev/sdb" if ephemeral_of(flavor) else None, "persistent": {}},
        "networks": entries,
        "env": dict(env),
        **({"dns": {"nameserver": servers}} if servers else {}),
    }


def encode(settings: Mapping[str, object]) -> str:
    """As nova takes it."""
    text = base64.b64encode(json.dumps(settings, separators=(",", ":")).encode()).decode()
    if len(text) > LARGEST:
        raise CloudError(
            f"the agent's settings are {len(text)} bytes of user data, nova takes {LARGEST}; make env smaller"
        )
    return text


def check(networks: Mapping[str, Network]) -> None:
    """Addresses that neutron hands out itself need nothing of the agent; all others must be complete."""
    for name, network in networks.items():
        if network.type == "manual" and not network.netmask and not network.prefix:
            raise CloudError(f"network '{name}': a manual network needs a netmask")


def _entry(config: Config, entry: dict[str, object]) -> dict[str, object]:
    if entry.get("type") != "vip":
        entry["use_dhcp"] = config.use_dhcp or entry.get("type") == "dynamic"
    return entry
