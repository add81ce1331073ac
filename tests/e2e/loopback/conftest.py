"""A whole director with our agent on 127.0.0.1: no root, no lab; it needs nats-server and ruby only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.loopback.api import Api
from tests.e2e.loopback.archives import build_stemcell
from tests.e2e.loopback.cloud import own_agent
from tests.e2e.loopback.shop import build_shop, cloud_config
from tests.e2e.loopback.world import World, build_world
from tests.programs import need


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A director with nothing uploaded yet."""
    need("nats-server", "ruby")
    built = build_world(tmp_path_factory.mktemp("world"), own_agent())
    try:
        yield built
    finally:
        built.stop()


@pytest.fixture(scope="module")
def stocked(world: World) -> World:
    """The same with the dummy stemcell, release `shop` and a cloud config."""
    api = world.api()
    api.upload_stemcell(build_stemcell(world.directory / "stemcell.tgz"))
    api.upload_release(build_shop(world.directory / "shop.tgz"))
    api.update_config("cloud", cloud_config())
    return world


@pytest.fixture
def api(stocked: World) -> Iterator[Api]:
    """A client; what a test leaves deployed is deleted after it."""
    client = stocked.api()
    yield client
    for deployment in client.get("/deployments"):
        client.delete_deployment(deployment["name"], force="true")
