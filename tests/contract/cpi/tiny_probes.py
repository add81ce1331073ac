"""Probes of the tiny cloud that is under test in this process."""

from __future__ import annotations

from typing import Any

from tests.contract.cpi.tiny_cloud import TinyCloud

cloud = TinyCloud()


def inventory(_properties: dict[str, Any]) -> list[str]:
    return cloud.inventory()


def settings(_properties: dict[str, Any], vm: str) -> dict[str, Any]:
    found = cloud.items["vm"][vm]
    return {key: found[key] for key in ("agent_id", "networks", "env")}


def write(_properties: dict[str, Any], vm: str, disk: str, hint: Any, text: str) -> None:
    cloud.content[disk] = text


def read(_properties: dict[str, Any], vm: str, disk: str, hint: Any) -> str:
    return cloud.content.get(disk, "")


def vanish(_properties: dict[str, Any], vm: str) -> None:
    cloud.items["vm"].pop(vm)
