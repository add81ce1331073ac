"""One cloud controller for all tests of a process, with real PostgreSQL, nats-server and blobstore beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest

from tests.contract.store.postgres_server import PostgresServer
from tests.paas.blobstore.blobstore_node import BlobstoreNode
from tests.paas.bus.nats_server import NatsServer
from tests.paas.cloud_controller.client import Api
from tests.paas.cloud_controller.controller import Controller, running, settings
from tests.paas.cloud_controller.keys_peer import ADMIN_SCOPES, KeysPeer


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
