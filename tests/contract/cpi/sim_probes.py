"""What the simulated cloud really holds, read from its inventory past the plugin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cpi.sim.inventory import Inventory

KINDS = ("vm", "disk", "snapshot", "stemcell", "network")


def inventory(properties: dict[str, Any]) -> list[str]:
    with Inventory(Path(properties["state_dir"])).transaction() as books:
        return [item.cid for kind in KINDS for item in books.all(kind)]


def settings(properties: dict[str, Any], vm: str) -> dict[str, Any]:
    with Inventory(Path(properties["state_dir"])).transaction() as books:
        found = books.get("vm", vm)
    assert found is not None
    return {key: found.body[key] for key in ("agent_id", "networks", "env")}


def vanish(properties: dict[str, Any], vm: str) -> None:
    with Inventory(Path(properties["state_dir"])).transaction() as books:
        books.remove(vm)
