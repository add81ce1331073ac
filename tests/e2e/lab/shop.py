"""The demo's deployment and cloud config, as the tests vary them."""

from __future__ import annotations

from typing import Any

import yaml

from lab.demo.record import TREE

NAME = "demo"
WATCH = "100-30000"


def cloud_config(**compilation: Any) -> dict[str, Any]:
    config: dict[str, Any] = yaml.safe_load((TREE / "manifests/local/cloud-config.yml").read_text())
    config["disk_types"].append({"name": "small", "disk_size": 64})
    config["compilation"].update(compilation)
    return config


def manifest(
    *,
    web: int = 2,
    stores: int = 1,
    stemcell: str = "1.0",
    max_in_flight: int = 1,
    watch: str = WATCH,
    release: str = "1",
    **properties: Any,
) -> dict[str, Any]:
    """The demo's manifest with so many instances; ``properties`` go to the web job."""
    document: dict[str, Any] = yaml.safe_load((TREE / "manifests/local/demo.yml").read_text())
    document["stemcells"][0]["version"] = stemcell
    document["releases"][0]["version"] = release
    document["update"].update(canaries=1, max_in_flight=max_in_flight, canary_watch_time=watch, update_watch_time=watch)
    store, front = document["instance_groups"]
    front["instances"] = web
    front["jobs"][0]["properties"].update(properties)
    store["persistent_disk_type"] = "small"
    store["instances"] = stores
    store["networks"][0]["static_ips"] = [f"10.77.0.{10 + index}" for index in range(stores)]
    return document
