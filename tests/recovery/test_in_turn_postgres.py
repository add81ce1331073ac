"""All journal points of each scenario in one run on PostgreSQL, killed one after the other."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from director.adapters.store.sql import SqlStore
from tests.contract.store.postgres_server import PostgresServer
from tests.recovery.in_turn import die_at_all_points
from tests.recovery.scenarios import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name.replace(" ", "-"))
def test_killed_at_each_journal_point_in_turn(scenario: Scenario, postgres: PostgresServer, tmp_path: Path) -> None:
    from director.adapters.store.postgres import open_postgres

    async def opened(directory: Path) -> SqlStore:
        return await open_postgres(postgres.place(postgres.schema(f"turn_{os.getpid()}_{directory.name}")))

    die_at_all_points(scenario, opened, tmp_path)
