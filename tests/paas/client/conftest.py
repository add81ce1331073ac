"""A platform for the client: UAA, cloud controller, log cache and blobstore as processes; DEA and stager speak their protocol and run nothing."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from paas.bus.client import Bus

from tests.contract.store.postgres_server import PostgresServer
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.client.site import Site
from tests.paas.client.terminal import Terminal
from tests.paas.cloud_controller.peers import DeaPeer, StagerPeer, alive, on_bus
from tests.paas.database.database_place import own_database


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer.running(tmp_path_factory.mktemp("nats")) as one:
        yield one


@pytest.fixture(scope="session")
def blobs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BlobstoreNode]:
    with BlobstoreNode.running(tmp_path_factory.mktemp("blobs")) as one:
        yield one


@pytest.fixture(scope="session")
def site(
    tmp_path_factory: pytest.TempPathFactory, postgres: PostgresServer, nats: NatsServer, blobs: BlobstoreNode
) -> Iterator[Site]:
    with own_database(postgres) as database:
        one = Site(tmp_path_factory.mktemp("site"), postgres, database, nats, blobs)
        try:
            one.start()
            yield one
        finally:
            one.stop()


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    async with on_bus(nats.url) as one:
        yield one


@pytest.fixture
async def dea(bus: Bus) -> AsyncIterator[DeaPeer]:
    one = DeaPeer(bus, f"dea-{secrets.token_hex(4)}")
    async with alive(one):
        yield one


@pytest.fixture
async def stager(bus: Bus) -> AsyncIterator[StagerPeer]:
    one = StagerPeer(bus, f"stager-{secrets.token_hex(4)}")
    async with alive(one):
        yield one


@pytest.fixture
def fresh(site: Site, tmp_path: Path) -> Terminal:
    """A terminal whose user was never here."""
    return site.terminal(tmp_path / "home")


@pytest.fixture(scope="session")
def ground(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Terminal:
    """The administrator's, in an organization of the tests' own."""
    one = site.terminal(tmp_path_factory.mktemp("ground") / "home")
    one.org = f"org-{os.urandom(4).hex()}"

    async def prepare() -> None:
        await one("login", "-a", site.controller.url, "-u", "admin", "-p", site.password)
        await one("create-org", one.org)
        await one("target", "-o", one.org)

    asyncio.run(prepare())
    return one


@pytest.fixture
async def paas(site: Site, ground: Terminal, fresh: Terminal) -> Terminal:
    """The administrator's, in a space of its own."""
    shutil.copytree(ground.home, fresh.home, dirs_exist_ok=True)
    fresh.org, fresh.space = ground.org, f"space-{os.urandom(4).hex()}"
    await fresh("create-space", fresh.space)
    await fresh("target", "-s", fresh.space)
    return fresh
