"""The warden of a module's tests, in a network of its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.paas.warden.own_network import own_network
from tests.paas.warden.warden_process import WardenProcess, warden_directory
from tests.programs import need

DENIED = "10.99.0.0/24"


@pytest.fixture(scope="module")
def outside() -> Iterator[list[str]]:
    """In a network of its own; the words that run a command outside of it."""
    if os.geteuid() != 0:
        pytest.skip("containers need root")
    need("runc", "conmon", "iptables", "mkfs.ext4", "tini", "nsenter")
    with own_network() as there:
        yield there


@pytest.fixture(scope="module")
def warden_process(outside: list[str]) -> Iterator[WardenProcess]:
    """Not yet started; at its end nothing may be left."""
    with warden_directory() as directory:
        one = WardenProcess(directory, {"deny": [{"protocol": "all", "destination": DENIED}]})
        try:
            yield one
        finally:
            one.remove()


@pytest.fixture
async def warden(warden_process: WardenProcess) -> AsyncIterator[WardenProcess]:
    """Running; containers of the test are destroyed after it."""
    if not warden_process.running:
        await warden_process.start()
    yield warden_process
    if not warden_process.running:
        await warden_process.start()
    for handle in await warden_process.client.list():
        await warden_process.client.destroy(handle)
