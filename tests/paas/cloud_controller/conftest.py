"""One cloud controller for all tests of a process, with real PostgreSQL, nats-server and blobstore beside it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import psycopg
import pytest
from paas.bus.client import Bus

from tests.contract.store.postgres_server import PostgresServer
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.cloud_controller.broker_peer import BrokerProcess, broker_process
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller, running, settings
from tests.paas.cloud_controller.keys_peer import ADMIN_SCOPES, KeysPeer
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer, alive, on_bus
from tests.paas.cloud_controller.pushing import zipped
from tests.paas.cloud_controller.service_world import World, public_world


@pytest.fixture(scope="session")
def keys() -> Iterator[KeysPeer]:
    one = KeysPeer()
    yield one
    one.close()


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer.running(tmp_path_factory.mktemp("nats")) as one:
        yield one


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlobstoreNode]:
    with BlobstoreNode.running(tmp_path_factory.mktemp("blobs")) as one:
        yield one


@pytest.fixture(scope="session")
def controller(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: PostgresServer,
    nats: NatsServer,
    keys: KeysPeer,
    blobs: BlobstoreNode,
) -> Iterator[Controller]:
    directory = tmp_path_factory.mktemp("cc")
    with running(directory, settings(directory, postgres, nats, keys, blobs)) as one:
        yield one


@pytest.fixture
async def admin(controller: Controller, keys: KeysPeer) -> AsyncIterator[Api]:
    """The API as an admin sees it."""
    async with Api(controller.url, keys.token("admin", scopes=ADMIN_SCOPES)) as one:
        yield one


@pytest.fixture
def space(controller: Controller) -> str:
    """A space of an organization of its own."""
    name = os.urandom(4).hex()
    with psycopg.connect(controller.database, autocommit=True) as db:
        db.execute("INSERT INTO domains (name) VALUES ('apps.test') ON CONFLICT DO NOTHING")
        db.execute("INSERT INTO stacks (name) VALUES ('cflinuxfs-deb12') ON CONFLICT DO NOTHING")
        made = db.execute("INSERT INTO organizations (name) VALUES (%s) RETURNING guid", [f"org-{name}"]).fetchone()
        assert made is not None
        made = db.execute(
            "INSERT INTO spaces (name, organization_guid) VALUES (%s, %s) RETURNING guid", [f"space-{name}", made[0]]
        ).fetchone()
        assert made is not None
        return made[0]


@pytest.fixture
async def app(admin: Api, space: str) -> str:
    """An app without a droplet."""
    body = {"name": f"app-{os.urandom(4).hex()}", "relationships": {"space": {"data": {"guid": space}}}}
    return (await admin.post("/v3/apps", body))["guid"]


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    async with on_bus(nats.url) as one:
        yield one


@pytest.fixture
async def dea(bus: Bus, admin: Api) -> AsyncIterator[DeaPeer]:
    """One with room for everything."""
    one = DeaPeer(bus, f"dea-{os.urandom(4).hex()}")
    async with alive(one):
        yield one


@pytest.fixture
async def buildpack(admin: Api) -> str:
    """The name of a buildpack of the platform, which all tests share."""
    name = "static_buildpack"
    if not (await admin.get("/v3/buildpacks", names=name))["resources"]:
        made = await admin.post("/v3/buildpacks", {"name": name})
        bits = zipped(**{"bin/detect": "#!/bin/sh", "bin/compile": "#!/bin/sh", "bin/release": "#!/bin/sh"})
        await admin.post(f"/v3/buildpacks/{made['guid']}/upload", files={"bits": ("static.zip", bits)})
    return name


@pytest.fixture
async def stager(bus: Bus, admin: Api, buildpack: str) -> AsyncIterator[StagerPeer]:
    """One that stages everything."""
    one = StagerPeer(bus, f"stager-{os.urandom(4).hex()}")
    async with alive(one):
        yield one


@pytest.fixture(scope="session")
def service_broker() -> Iterator[BrokerProcess]:
    with broker_process() as one:
        yield one


@pytest.fixture
async def world(admin: Api, service_broker: BrokerProcess) -> World:
    return await public_world(admin, service_broker)
