"""Every journal point of every scenario: each killed once from a photograph on the store of dictionaries, and all of them in turn in one run on
SQLite and on PostgreSQL. The end is the undisturbed one, and nothing was wrong on the way."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Awaitable, Callable, Set
from pathlib import Path

import pytest

from director.adapters.store.sql import SqlStore, open_store
from tests.contract.store.postgres_server import PostgresServer
from tests.recovery.case import difference, model_of
from tests.recovery.every_point import die_everywhere
from tests.recovery.in_turn import Run, die_in_turn
from tests.recovery.long import be_quiet
from tests.recovery.scenarios import SCENARIOS, Scenario
from tests.recovery.virtual import run

CLOSELY = ("disk grows", "stop hard", "scan and fix", "scale down", "delete")
"""Scenarios of which every dealing with the store is tried as well."""

_numbers = itertools.count(1)
each = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name.replace(" ", "-"))


@each
def test_killed_at_each_journal_point(scenario: Scenario, tmp_path: Path) -> None:
    be_quiet()
    deaths = run(die_everywhere(scenario, tmp_path))
    assert not deaths.wrongs, "\n".join(deaths.wrongs)
    assert deaths.points >= 24


@pytest.mark.parametrize("name", CLOSELY)
def test_killed_at_each_dealing_with_the_store(name: str, tmp_path: Path) -> None:
    be_quiet()
    scenario = next(one for one in SCENARIOS if one.name == name)
    deaths = run(die_everywhere(scenario, tmp_path, store=True))
    assert not deaths.wrongs, "\n".join(deaths.wrongs)
    assert deaths.moments > deaths.points


Open = Callable[[Path], Awaitable[SqlStore]]


@pytest.fixture(params=["sqlite", "postgres"])
def opening(request: pytest.FixtureRequest) -> Open:
    """How a new store is opened in a directory, once there is a loop."""
    if request.param == "sqlite":
        return lambda directory: open_store(directory / "director.db")
    server: PostgresServer = request.getfixturevalue("postgres")
    from director.adapters.store.postgres import open_postgres

    return lambda directory: open_postgres(server.place(server.schema(f"turn_{os.getpid()}_{directory.name}")))


@each
def test_killed_at_each_journal_point_in_turn(scenario: Scenario, opening: Open, tmp_path: Path) -> None:
    be_quiet()

    async def go(spared: Set[tuple[str, str]]) -> Run:
        directory = tmp_path / str(next(_numbers))
        directory.mkdir()
        store = await opening(directory)
        try:
            return await die_in_turn(scenario, store, directory, spared)
        finally:
            await store.close()

    model = run(model_of(scenario.story, tmp_path))
    tried: set[tuple[str, str]] = set()
    while len(tried) < model.points[scenario.deed]:
        real = asyncio.run(go(tried))
        assert not real.wrongs, "\n".join(real.wrongs)
        assert difference(real.picture, model.pictures[scenario.deed]) == []
        assert real.points, f"only {len(tried)} of {model.points[scenario.deed]} points are ever met"
        tried |= real.points
    assert len(tried) == model.points[scenario.deed]
