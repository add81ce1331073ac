"""Counting what pytest reported."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from lab.check.outcome import Outcome, read_junit, total

SUITE = """
import pytest

def test_good():
    pass

def test_bad():
    raise RuntimeError("no")

@pytest.mark.skip(reason="needs a tape drive")
def test_left_out():
    pass

@pytest.fixture
def broken():
    raise OSError("gone")

def test_without_ground(broken):
    pass
"""


def run(folder: Path, *arguments: str) -> tuple[Path, int]:
    report = folder / "report.xml"
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *arguments]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    return report, subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False).returncode


def test_a_real_report_is_counted(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(SUITE)
    outcome = read_junit("unit", *run(tmp_path), 1.0)
    assert outcome.passed == 1
    assert outcome.failures == ["test_it::test_bad", "test_it::test_without_ground"]
    assert outcome.skips == ["test_it::test_left_out: needs a tape drive"]


def test_an_empty_suite_is_no_failure(tmp_path: Path) -> None:
    assert read_junit("unit", *run(tmp_path), 1.0) == Outcome("unit", 0, seconds=1.0)


def test_a_pytest_that_did_not_run_is_a_failure(tmp_path: Path) -> None:
    report, status = run(tmp_path, "--no-such-option")
    assert status not in (0, 5)
    assert read_junit("unit", report, status, 1.0).failures == [
        f"unit: pytest ended with status {status} without naming a failed test"
    ]


def test_the_closing_line() -> None:
    outcomes = [Outcome("a", 2, ["x"], ["y", "z"]), Outcome("b", 3)]
    assert total(outcomes) == "5 passed, 1 failed, 2 skipped"
