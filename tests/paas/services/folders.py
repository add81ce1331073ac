"""Nodes of the tests' own service, as processes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lab.ports import free_port
from tests.paas.bus.nats_server import NatsServer
from tests.paas.services.component import Component


def folders(place: Path, nats: NatsServer, id: str, capacity: int, **more: Any) -> Component:
    """A node of the service ``folders``."""
    health = free_port()
    directory = place / id
    directory.mkdir(exist_ok=True)
    config = {
        "id": id,
        "host": "127.0.0.1",
        "capacity": capacity,
        "directory": str(directory),
        "secrets": ["a-secret-of-the-node-for-its-record"],
        "bus": {"servers": [nats.url]},
        "health": {"port": health},
        **more,
    }
    here = Path(__file__).parents[3]
    return Component("tests.paas.services.folders_node", directory, config, health, str(here))
