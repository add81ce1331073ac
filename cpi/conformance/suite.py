"""The test that `pytest --pyargs cpi.conformance.suite` collects: one for each case."""

from __future__ import annotations

from collections.abc import Callable


def test_contract(cpi_case: Callable[[], None]) -> None:
    """The CPI keeps this sentence."""
    cpi_case()
