"""Components that wait for a server that does not come end when they are told to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.ports import free_port
from tests.paas.services.component import Component, eventually

SECRET = "a-secret-of-the-component"


def no_bus() -> dict[str, Any]:
    return {"servers": [f"nats://127.0.0.1:{free_port()}"]}


def node(place: Path) -> dict[str, Any]:
    return {
        "id": "n1",
        "host": "127.0.0.1",
        "capacity": 1,
        "directory": str(place / "redis"),
        "secrets": [SECRET],
        "bus": no_bus(),
        "health": {"port": free_port()},
        "bind": "127.0.0.1",
        "first_port": 1,
        "last_port": 2,
    }


def broker(_: Path) -> dict[str, Any]:
    return {
        "listen": {"port": free_port()},
        "database": {"url": f"postgresql+psycopg://nobody:{SECRET}@127.0.0.1:{free_port()}/broker"},
        "credentials": {"username": "broker", "password": SECRET},
        "services": [],
    }


@pytest.mark.parametrize(
    ("module", "config", "said"),
    [
        pytest.param("paas.services.redis", node, "bus_error", id="no bus"),
        pytest.param("paas.services.external", broker, "database_awaited", id="no database"),
    ],
)
def test_ends_while_it_waits(module: str, config: Any, said: str, tmp_path: Path) -> None:
    one = Component(module, tmp_path, config(tmp_path), 0)
    process = one.begin()
    try:
        eventually(lambda: said in one.log.read_text(), f"{module} waits for its server")
    finally:
        one.stop()
    assert process.returncode == 0, one.log.read_text()
