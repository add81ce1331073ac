"""The settings document that the agent reads at its first start."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from cpi.contract import Json
from cpi.libvirt.config import Config


def settings_of(config: Config, agent_id: str, name: str, networks: Mapping[str, Json], env: Json) -> dict[str, object]:
    """Complete settings; disks.persistent stays empty, the director tells the agent each disk's hint."""
    return {
        "agent_id": agent_id,
        "vm": {"name": name},
        "mbus": config.mbus,
        "ntp": list(config.ntp),
        "blobstore": dict(config.blobstore),
        "disks": {"system": None, "ephemeral": None, "persistent": {}},
        "networks": {name: dict(network) for name, network in networks.items()},
        "env": dict(env),
    }


def write(folder: Path, settings: Mapping[str, object]) -> None:
    """Write settings.json, readable by root alone: it holds the agent's credentials."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder / "settings.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(settings, file)
