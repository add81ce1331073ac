"""Brokers, the marketplace, instances, bindings, keys: with the services' own gateway and node."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.paas.bus.nats_server import NatsServer
from tests.paas.client.site import Site
from tests.paas.client.terminal import Terminal
from tests.paas.database.database_place import own_database
from tests.paas.services.component import SOURCES, Component
from tests.paas.services.folders import folders


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, nats: NatsServer, postgres: PostgresServer
) -> Iterator[Component]:
    place = tmp_path_factory.mktemp("folders")
    with own_database(postgres) as database:
        node = folders(place, nats, "n1", 50)
        node.start()
        port = free_port()
        plans = [{"name": "small", "description": "Ten", "size": 10}, {"name": "huge", "size": 500}]
        config = {
            "label": "folders",
            "offering": {"name": "folders", "description": "Folders for apps", "tags": ["files"], "plans": plans},
            "listen": {"port": port},
            "credentials": {"username": "broker", "password": "broker-word"},
            "bus": {"servers": [nats.url]},
            "database": msgspec.to_builtins(database),
            "secrets": ["a-secret-of-the-gateway"],
            "discover_seconds": 0.3,
        }
        one = Component("paas.services.gateway", place, config, port)
        one.start()
        yield one
        one.stop()
        node.stop()


@pytest.fixture
async def offered(paas: Terminal, gateway: Component) -> str:
    """The gateway is a broker of the platform, and all may order."""
    url = f"http://127.0.0.1:{gateway.config['listen']['port']}"
    words = ["create-service-broker", "folders", "broker", url, "--update-if-exists"]
    await paas(*words, PAAS_BROKER_PASSWORD="broker-word")
    await paas("enable-service-access", "folders")
    return url


async def test_brokers_and_access(paas: Terminal, offered: str) -> None:
    assert offered in await paas("service-brokers")
    await paas("update-service-broker", "folders", "broker", "wrong", offered, refused="FAILED")
    await paas("update-service-broker", "folders", "broker", "broker-word", offered)
    assert "small, huge" in await paas("marketplace")
    await paas("disable-service-access", "folders", "-p", "huge")
    assert "huge" not in await paas("marketplace")
    assert "admin" in next(line for line in (await paas("service-access")).splitlines() if "huge" in line)
    await paas("enable-service-access", "folders", "-p", "huge", "-o", paas.org)
    assert "Ten" in await paas("marketplace", "-e", "folders")
    assert {"small", "huge"} == {one["name"] for one in await paas.json("marketplace", "-e", "folders")}
    assert "See: paas marketplace" in await paas("enable-service-access", "nothing", refused="no service 'nothing'")


async def test_an_instance_is_ordered_bound_and_removed(paas: Terminal, offered: str, tmp_path: Path) -> None:
    assert "It has: huge, small." in await paas("create-service", "folders", "tiny", "f", refused="no plan 'tiny'")
    assert "done" in await paas("create-service", "folders", "small", "f", "-t", "mine, yours")
    await paas("create-service", "folders", "small", "f", refused="is taken")
    assert "No node has room" in await paas("create-service", "folders", "huge", "g", refused="FAILED")
    row = next(line for line in (await paas("services")).splitlines() if line.startswith("f "))
    assert row.split() == ["f", "folders", "small", "create", "succeeded"]
    assert "mine, yours" in await paas("service", "f")
    refused = await paas("create-service", "folders", "small", "h", "-c", '{"colour": "red"}', refused="FAILED")
    assert "parameters.colour is not known" in refused
    assert "neither a JSON object nor a file" in await paas(
        "create-service", "folders", "small", "h", "-c", "red", refused="FAILED"
    )

    (tmp_path / "app").mkdir()
    await paas("curl", "/v3/apps", "-X", "POST", "-d", json.dumps(await app_body(paas)))
    told = await paas("bind-service", "demo", "f")
    assert "after: paas restart demo" in told
    assert "is bound to f already" in await paas("bind-service", "demo", "f")
    env = await paas.json("env", "demo")
    (bound,) = env["system_env_json"]["VCAP_SERVICES"]["folders"]
    assert (bound["name"], set(bound["credentials"])) == ("f", {"username", "password"})
    assert {"mine", "yours"} <= set(bound["tags"])
    assert "demo" in next(line for line in (await paas("services")).splitlines() if line.startswith("f "))

    await paas("create-service-key", "f", "k")
    key = json.loads(await paas("service-key", "f", "k"))
    assert key["password"] != bound["credentials"]["password"]
    assert "k" in await paas("service-keys", "f")
    await paas("delete-service-key", "f", "k", "-f")
    await paas("service-key", "f", "k", refused="There is no service key 'k' in service instance f.")

    await paas("unbind-service", "demo", "f")
    assert "demo is not bound to f." in await paas("unbind-service", "demo", "f")
    await paas("rename-service", "f", "f2")
    await paas("delete-service", "f2", "-f")
    for name in ("g", "h"):
        await paas("delete-service", name, "-f")
    assert "No services." in await paas("services")
    assert "is not there" in await paas("delete-service", "f2", "-f")


async def app_body(paas: Terminal) -> dict[str, object]:
    (space,) = [one for one in await paas.json("spaces") if one["name"] == paas.space]
    return {"name": "demo", "relationships": {"space": {"data": {"guid": space["guid"]}}}}


async def test_a_service_of_ones_own(paas: Terminal, tmp_path: Path) -> None:
    await paas("curl", "/v3/apps", "-X", "POST", "-d", json.dumps(await app_body(paas)))
    file = tmp_path / "credentials.json"
    file.write_text('{"uri": "x://secret"}')
    await paas("cups", "own", "-p", str(file), "-t", "mine")
    await paas("bind-service", "demo", "own")
    (bound,) = (await paas.json("env", "demo"))["system_env_json"]["VCAP_SERVICES"]["user-provided"]
    assert bound["credentials"] == {"uri": "x://secret"}
    row = next(line for line in (await paas("services")).splitlines() if line.startswith("own "))
    assert "user-provided" in row and "demo" in row
    await paas("unbind-service", "demo", "own")
    await paas("uups", "own", "-p", '{"uri": "y://other"}')
    await paas("bind-service", "demo", "own")
    (bound,) = (await paas.json("env", "demo"))["system_env_json"]["VCAP_SERVICES"]["user-provided"]
    assert bound["credentials"] == {"uri": "y://other"}
    await paas("unbind-service", "demo", "own")
    await paas("delete-service", "own", "-f")


async def test_the_errand_registers_brokers(paas: Terminal, gateway: Component, site: Site, tmp_path: Path) -> None:
    port = gateway.config["listen"]["port"]
    broker = {"name": "errand", "url": f"http://127.0.0.1:{port}", "username": "broker", "password": "broker-word"}
    away = {**broker, "name": "away", "url": "http://127.0.0.1:1"}
    config = {
        "api": site.controller.url,
        "uaa": site.uaa.url,
        "client": "registrar",
        "secret": "registrar-secret",
        "brokers": [away, broker],
    }
    file = tmp_path / "register.json"
    file.write_text(json.dumps(config))

    async def run() -> tuple[int | None, str]:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "paas.services.register", "--config", str(file)),
            env={**os.environ, "PYTHONPATH": str(SOURCES)},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        told, _ = await asyncio.wait_for(process.communicate(), 90)
        return process.returncode, told.decode()

    if "folders" in await paas("service-brokers"):  # what a broker offers has one owner
        await paas("delete-service-broker", "folders", "-f")
    status, told = await run()
    assert (status, "errand: new" in told, "errand: all may order folders small" in told) == (1, True, True), told
    assert "away: " in told
    assert "broker-word" not in told
    await paas("disable-service-access", "folders", "-p", "huge")
    await paas("enable-service-access", "folders", "-p", "huge", "-o", paas.org)
    file.write_text(json.dumps({**config, "brokers": [broker]}))
    assert await run() == (0, "errand: changed\n")
    await paas("create-service", "folders", "small", "f")
    await paas("delete-service", "f", "-f")
    await paas("delete-service-broker", "errand", "-f")
