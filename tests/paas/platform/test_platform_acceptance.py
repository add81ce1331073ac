"""The errands on a deployed platform: every check is told, none fails."""

from __future__ import annotations

import pytest
from paas.acceptance.checks import ACCEPTANCE, SMOKE

from tests.paas.platform.platform_site import Platform, checks


@pytest.mark.parametrize(("errand", "wanted"), [("smoke_tests", SMOKE), ("acceptance_tests", ACCEPTANCE)])
def test_errand(platform: Platform, errand: str, wanted: list[object]) -> None:
    done = platform.site.cli("-d", "paas", "run-errand", errand, check=False, seconds=840)
    told = checks(done.stdout)
    assert not {name for name, held in told.items() if not held}, done.stdout[-6000:]
    assert set(told) == {check.__name__ for check in wanted}, done.stdout[-6000:]  # type: ignore[attr-defined]
    assert done.returncode == 0, done.stdout[-6000:]
