"""The platform's own services, from the API to a node: the cloud controller, a gateway and a node as processes of their own."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.paas.bus.nats_server import NatsServer
from tests.paas.cloud_controller import tenants
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.tenants import to
from tests.paas.database.database_place import own_database
from tests.paas.services.component import Component

ROOT = Path(__file__).parents[3]
LOGIN = {"username": "cc", "password": "a-password-of-the-gateway"}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="ccsvc-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def gateway(place: Path, nats: NatsServer, postgres: PostgresServer) -> Iterator[str]:
    """The gateway's URL; a node with one folder for each instance is behind it."""
    health, port = free_port(), free_port()
    bus = {"servers": [nats.url]}
    node_config = {
        "id": "n1",
        "host": "127.0.0.1",
        "capacity": 100,
        "directory": str(place),
        "secrets": ["a-secret-of-the-node-for-its-record"],
        "bus": bus,
        "health": {"port": health},
    }
    node = Component("tests.paas.services.folders_node", place, node_config, health, str(ROOT))
    with own_database(postgres) as database:
        config = {
            "label": "folders",
            "offering": {"name": "folders", "description": "Folders", "plans": [{"name": "small", "size": 10}]},
            "listen": {"port": port},
            "credentials": LOGIN,
            "bus": bus,
            "database": msgspec.to_builtins(database),
            "secrets": ["a-secret-of-the-gateway-for-credentials"],
        }
        one = Component("paas.services.gateway", place, config, port)
        node.start()
        one.start()
        yield f"http://127.0.0.1:{port}"
        one.stop()
        node.stop()


async def test_a_service_of_the_platform_reaches_an_app(admin: Api, gateway: str) -> None:
    broker = {
        "name": tenants.name("folders"),
        "url": gateway,
        "authentication": {"type": "basic", "credentials": LOGIN},
    }
    await admin.post("/v3/service_brokers", broker)
    plan = (await admin.get("/v3/service_plans", service_broker_names=broker["name"], names="small"))["resources"][0]
    await admin.post(f"/v3/service_plans/{plan['guid']}/visibility", {"type": "public"})
    org = (await tenants.organization(admin))["guid"]
    space = (await tenants.space(admin, org))["guid"]
    wanted = {
        "type": "managed",
        "name": "store",
        "relationships": {"space": to(space), "service_plan": to(plan["guid"])},
    }
    await admin.post("/v3/service_instances", wanted)
    made = (await admin.get("/v3/service_instances", space_guids=space))["resources"][0]
    assert made["last_operation"]["state"] == "succeeded"
    app = await admin.post("/v3/apps", {"name": "shop", "relationships": {"space": to(space)}})
    binding = {"type": "app", "relationships": {"app": to(app["guid"]), "service_instance": to(made["guid"])}}
    await admin.post("/v3/service_credential_bindings", binding)
    entry = (await admin.get(f"/v3/apps/{app['guid']}/env"))["system_env_json"]["VCAP_SERVICES"]["folders"][0]
    assert (entry["name"], entry["plan"]) == ("store", "small")
    assert entry["credentials"]
    await admin.delete(f"/v3/organizations/{org}")
    assert (await admin.get("/v3/service_instances", space_guids=space))["resources"] == []
    names = (await admin.get("/v3/service_brokers", names=broker["name"]))["resources"]
    await admin.delete(f"/v3/service_brokers/{names[0]['guid']}")
