"""One bus and one router for the tests that break neither."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from paas.bus.client import Bus

from tests.paas.bus.nats_server import NatsServer
from tests.paas.router.edge import Edge, connected, running


@pytest.fixture(scope="session")
def nats(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NatsServer]:
    with NatsServer.running(tmp_path_factory.mktemp("nats")) as one:
        yield one


@pytest.fixture(scope="session")
def edge(nats: NatsServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    with running(
        Edge.make(tmp_path_factory.mktemp("edge"), nats.url, connect_timeout=5, request_timeout=3, failed_seconds=3)
    ) as one:
        yield one


@pytest.fixture
async def bus(nats: NatsServer) -> AsyncIterator[Bus]:
    async with connected(nats.url) as one:
        yield one


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A directory whose path is short enough for sockets."""
    assert len(str(tmp_path)) < 90, tmp_path
    return tmp_path
