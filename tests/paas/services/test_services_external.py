"""The broker of external services over real PostgreSQL."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.paas.database.database_place import own_database
from tests.paas.services.component import SOURCES, Component
from tests.paas.services.platform import PASSWORD, USER, Platform

KEY = "key-of-the-weather-service"
SERVICES = [
    {
        "name": "weather",
        "description": "What the weather is",
        "plans": [
            {"name": "small", "description": "Today", "credentials": {"uri": "https://api.example/today", "key": KEY}},
            {"name": "large", "id": "p-large", "credentials": {"uri": "https://api.example/week"}, "free": False},
        ],
    },
    {"name": "drain", "id": "s-drain", "description": "Logs", "syslog_drain": True, "plans": [{"name": "only"}]},
]


@pytest.fixture(scope="module")
def broker(place: Path, postgres: PostgresServer) -> Iterator[Component]:
    with own_database(postgres) as database:
        port = free_port()
        config = {
            "services": SERVICES,
            "listen": {"port": port},
            "credentials": {"username": USER, "password": PASSWORD},
            "database": msgspec.to_builtins(database),
        }
        one = Component("paas.services.external", place, config, port)
        one.start()
        yield one
        one.stop()


@pytest.fixture
def platform(broker: Component) -> Iterator[Platform]:
    one = Platform(broker.config["listen"]["port"])
    yield one
    one.http.close()


def test_recorded_services_are_offered_without_their_credentials(platform: Platform) -> None:
    answer = platform.http.get("/v2/catalog")
    weather, drain = answer.json()["services"]
    assert (weather["name"], drain["id"], drain["requires"]) == ("weather", "s-drain", ["syslog_drain"])
    assert [(plan["name"], plan["free"]) for plan in weather["plans"]] == [("small", True), ("large", False)]
    assert weather["plans"][1]["id"] == "p-large"
    assert KEY not in answer.text


def test_ids_follow_from_names(broker: Component, platform: Platform) -> None:
    broker.stop()
    broker.start()
    assert Platform(broker.config["listen"]["port"]).ids() == platform.ids()


def test_an_app_gets_what_was_recorded(platform: Platform, broker: Component) -> None:
    assert platform.provision("e1").status_code == 201
    assert platform.provision("e1").status_code == 200
    assert platform.provision("e1", "large").status_code == 409
    assert platform.state("e1")[:2] == (200, "succeeded")
    bound = platform.bind("e1", "b1", app_guid="a")
    assert (bound.status_code, bound.json()) == (201, {"credentials": SERVICES[0]["plans"][0]["credentials"]})
    assert platform.bind("e1", "b1", app_guid="a").status_code == 200
    assert platform.bind("e1", "b1", app_guid="other").status_code == 409
    assert platform.http.get("/v2/service_instances/e1/service_bindings/b1").json()["credentials"]["key"] == KEY
    assert platform.http.get("/v2/service_instances/e1").json() == {**platform.ids(), "parameters": {}}
    # it is remembered by the database, not by the process
    broker.kill()
    broker.start()
    assert platform.unbind("e1", "b1").status_code == 200
    assert platform.unbind("e1", "b1").status_code == 410
    assert platform.deprovision("e1").status_code == 200
    assert platform.deprovision("e1").status_code == 410
    assert platform.bind("e1", "b1").status_code == 404
    assert KEY not in broker.log.read_text()


def test_two_services_of_one_name_are_refused_at_the_start(broker: Component, tmp_path: Path) -> None:
    file = tmp_path / "broker.json"
    file.write_bytes(msgspec.json.encode({**broker.config, "services": [SERVICES[0], SERVICES[0]]}))
    done = subprocess.run(
        [sys.executable, "-m", broker.module, "--config", file],
        env={"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stderr) == (
        2,
        "paas.services.external: services: two have the name or id of 'weather'\n",
    )
