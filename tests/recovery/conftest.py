"""Worlds, made as often as a test wants, on the store it is asked for."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from director.adapters.store.sql import SqlStore, open_store
from tests.recovery.world import World

pytest.register_assert_rewrite("tests.recovery.in_turn")  # what differs is told

MakeWorld = Callable[..., Awaitable[World]]


@pytest.fixture
async def make_world(tmp_path: Path) -> AsyncIterator[MakeWorld]:
    opened: list[SqlStore] = []

    async def make(kind: str = "memory", **options: object) -> World:
        directory = tmp_path / str(len(opened))
        directory.mkdir()
        store = await open_store(directory / "director.db" if kind == "file" else ":memory:")
        opened.append(store)
        world = World(store, directory, **options)  # type: ignore[arg-type]
        await world.furnish()
        return world

    yield make
    for store in opened:
        await store.close()
