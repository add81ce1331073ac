"""Every store contract runs on the file store and on the memory twin, with a clock whose hands a test can turn."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from director.adapters.store.sql import SqlStore, open_store


class Hands:
    """The database's clock: the host's, moved forward by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def now(self) -> float:
        return time.time() + self.ahead


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture(params=["file", "memory"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, hands: Hands) -> AsyncIterator[SqlStore]:
    path = tmp_path / "director.db" if request.param == "file" else ":memory:"
    opened = await open_store(path, clock=hands.now, poll=0.2)
    yield opened
    await opened.close()
