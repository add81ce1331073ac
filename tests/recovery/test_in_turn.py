"""All journal points of each scenario in one run on SQLite, killed one after the other."""

from __future__ import annotations

from pathlib import Path

import pytest

from director.adapters.store.sql import SqlStore, open_store
from tests.recovery.in_turn import die_at_all_points
from tests.recovery.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name.replace(" ", "-"))
def test_killed_at_each_journal_point_in_turn(scenario: Scenario, tmp_path: Path) -> None:
    async def opened(directory: Path) -> SqlStore:
        return await open_store(directory / "director.db")

    die_at_all_points(scenario, opened, tmp_path)
