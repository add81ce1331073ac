"""Worlds for witnesses from outside: the public CLI and the stock agent. Each needs its program named in the environment."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator

import pytest

from tests.e2e.loopback.cloud import own_agent, stock_agent
from tests.e2e.loopback.world import World, build_world
from tests.e2e.witness.public_cli import PublicCli


def _needs_servers() -> None:
    for program in ("nats-server", "ruby"):
        if not shutil.which(program):
            pytest.skip(f"{program} is not installed")


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


@pytest.fixture(scope="module", params=["blobs in place", "templates over the bus"])
def stock_world(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A director whose VMs run the stock agent; rendered templates come from the shared blobstore or by `upload_blob`."""
    agent = stock_agent()
    if not agent:
        pytest.skip("BOSH_AGENT_BIN names no stock agent")
    _needs_servers()
    more = {"enable_nats_delivered_templates": True} if request.param == "templates over the bus" else {}
    built = build_world(tmp_path_factory.mktemp("stock"), agent, **more)
    try:
        yield built
    finally:
        built.stop()
