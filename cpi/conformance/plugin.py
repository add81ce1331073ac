"""pytest: one test per case. A test that takes the fixture `cpi_case` is run once for each case of the CPI.

The CPI is named by `--cpi NAME --cpi-config FILE`, or by a fixture `cpi_check` of the test file, with session scope, that
returns (name, path of the configuration or None). With the options no test file is needed:

    pytest -p cpi.conformance.plugin --pyargs cpi.conformance.suite --cpi NAME --cpi-config FILE
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from cpi.conformance.case import Case
    from cpi.conformance.check import Check


def pytest_addoption(parser: pytest.Parser) -> None:
    """The options."""
    group = parser.getgroup("cpi", "CPI conformance")
    group.addoption("--cpi", metavar="NAME", help="plugin, or path of an executable")
    group.addoption("--cpi-config", metavar="FILE", type=Path, help="configuration of the check")
    group.addoption("--cpi-only", metavar="ID", action="append", default=[], help="this case, or all that begin so")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each case."""
    if "cpi_case" in metafunc.fixturenames:
        from cpi.conformance.check import (  # only where it is used: every run of pytest loads this file
            all_cases,
            chosen,
        )

        only: list[str] = metafunc.config.getoption("--cpi-only", []) or []
        cases = chosen(only) if only else all_cases()
        metafunc.parametrize("cpi_case", cases, ids=[one.id for one in cases], indirect=True)


@pytest.fixture(scope="session")
def cpi_check(request: pytest.FixtureRequest) -> tuple[str, Path | None]:
    """Name and configuration; a test file may have its own in place of this one."""
    name: str | None = request.config.getoption("--cpi", None)
    if not name:
        pytest.skip("no CPI is named: use --cpi NAME, or a fixture cpi_check")
    return name, request.config.getoption("--cpi-config", None)


@pytest.fixture(scope="session")
def cpi_running(cpi_check: tuple[str, Path | None]) -> Generator[tuple[Check, asyncio.Runner]]:
    """The check that all cases share, begun. What it made is removed at the end; something left is an error."""
    from cpi.conformance.check import Check
    from cpi.conformance.config import Config, load

    name, path = cpi_check
    check = Check(name, load(path) if path else Config.default())
    with asyncio.Runner() as runner:
        try:
            runner.run(check.begin())
            yield check, runner
        finally:
            left = runner.run(check.end())
    if left:
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)


@pytest.fixture
def cpi_case(request: pytest.FixtureRequest, cpi_running: tuple[Check, asyncio.Runner]) -> Callable[[], None]:
    """Runs the case; it fails with the sentence that is broken, or skips."""
    from cpi.conformance.report import line

    case: Case = request.param
    check, runner = cpi_running

    def run() -> None:
        result = runner.run(check.run(case))
        if result.outcome == "failed":
            pytest.fail(line(result), pytrace=False)
        if result.outcome == "skipped":
            pytest.skip(result.seen)

    return run
