"""A bus and a folder for the services' tests."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.paas.bus.nats_server import NatsServer


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A folder with a short name: paths of unix sockets have at most 107 bytes. Open to the servers' own users."""
    folder = Path(tempfile.mkdtemp(prefix="svc-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def nats(place: Path) -> Iterator[NatsServer]:
    with NatsServer.running(place) as one:
        yield one
