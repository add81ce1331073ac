"""Worlds for witnesses from outside: the public CLI and the stock agent. Each needs its program named in the environment."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from director.adapters.blobs import ca as blob_ca
from tests.e2e.loopback.archives import build_stemcell
from tests.e2e.loopback.cloud import own_agent, stock_agent
from tests.e2e.loopback.world import World, build_world
from tests.e2e.witness.public_cli import PublicCli
from tests.programs import need


def _needs_servers() -> None:
    need("nats-server", "ruby")


@pytest.fixture(scope="module")
def witness_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A director whose VMs run the stock agent if there is one, else ours."""
    _needs_servers()
    built = build_world(tmp_path_factory.mktemp("witness"), stock_agent() or own_agent())
    try:
        yield built
    finally:
        built.stop()


@pytest.fixture(scope="module")
def bosh(witness_world: World) -> PublicCli:
    program = os.environ.get("BOSH_BIN", "")
    if not program:
        pytest.skip("BOSH_BIN names no public CLI")
    return PublicCli(witness_world, program)


@pytest.fixture(scope="module", params=["blobs in place", "signed URLs"])
def stock_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A director whose VMs run the stock agent, with a stemcell uploaded.

    Blobs in place: the agent's local provider reads the director's folder (stemcell API 2). Signed URLs (API 3): its provider has an empty
    folder, so packages and logs must go by URL and rendered templates over the bus.
    """
    agent = stock_agent()
    if not agent:
        pytest.skip("BOSH_AGENT_BIN names no stock agent")
    _needs_servers()
    directory = tmp_path_factory.mktemp("stock")
    signed, more = request.param == "signed URLs", {}
    if signed:
        ca = blob_ca.create(directory / "blob-certs", ["127.0.0.1"]).ca.read_text()
        options = {"blobstore_path": str(directory / "empty"), "tls": {"cert": {"ca": ca}}}
        env = {"bosh": {"blobstores": [{"provider": "local", "options": options}]}}
        more = {"enable_nats_delivered_templates": True, "agent": {"env": env, "agent_wait_timeout": 60}}
    built = build_world(directory, agent, **more)
    try:
        built.api().upload_stemcell(build_stemcell(directory / "stemcell.tgz", api_version=3 if signed else 2))
        yield built
    finally:
        built.stop()
