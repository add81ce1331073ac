"""A whole director with our agent on 127.0.0.1: no root, no lab; it needs nats-server and ruby only."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.e2e.loopback.api import Api
from tests.e2e.loopback.archives import build_stemcell
from tests.e2e.loopback.cloud import own_agent
from tests.e2e.loopback.shop import build_shop, cloud_config
from tests.e2e.loopback.world import World, build_world
from tests.programs import need

pytest.register_assert_rewrite("tests.e2e.loopback.comes_back")  # what differs is told

# agents beat every 30 s, so these numbers suspect the living too: they are asked, answer, and are left alone
HASTE = {"interval": 0.5, "agent_timeout": 2, "settle": 1, "grace": 2, "silent_vms": 15}


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


@pytest.fixture
def watched(stocked: World) -> World:
    """The director with a hasty health monitor."""
    config = yaml.safe_load(stocked.config.read_text())
    if config["meristem"].get("health") != HASTE:
        config["meristem"]["health"] = HASTE
        stocked.kill_director()
        stocked.config.write_text(yaml.safe_dump(config, sort_keys=False))
        stocked.start_director()
    return stocked
