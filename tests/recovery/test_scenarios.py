"""Every journal point of every scenario, each killed once from a photograph on the store of dictionaries. The end is the undisturbed one, and nothing
was wrong on the way."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recovery.every_point import die_everywhere
from tests.recovery.long import be_quiet
from tests.recovery.scenarios import SCENARIOS, Scenario
from tests.recovery.virtual import run

CLOSELY = ("disk grows", "stop hard", "scan and fix", "scale down", "delete")
"""Scenarios of which every dealing with the store is tried as well."""


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda one: one.name.replace(" ", "-"))
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
