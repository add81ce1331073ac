"""Suites that run in the background of others, with a real pytest."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from lab.check.beside import Beside
from lab.check.outcome import Outcome
from lab.check.suites import Suite

FIGURES = Suite("figures", ["tests/figures"], "not lab", 0, gives_way=True)


def checked(top: Path) -> Outcome:
    return Outcome(f"checks of {top.name}", 1)


def beside(top: Path, test: str) -> Beside:
    (top / "tests/figures").mkdir(parents=True)
    (top / "tests/figures/test_figures.py").write_text(test)
    return Beside(checked, [FIGURES], top, ["-p", "no:cacheprovider"], top / "run")


def test_what_it_ran_is_counted_and_shown(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    begun = beside(tmp_path, "def test_a(): assert 6 == 2 * 3\ndef test_b(): assert 7 == 2 * 4\n")
    begun.start()
    checks, figures = begun.outcomes()
    assert (checks.stage, checks.passed) == (f"checks of {tmp_path.name}", 1)
    assert (figures.stage, figures.passed, figures.failures) == ("figures", 1, ["tests.figures.test_figures::test_b"])
    told = capfd.readouterr().out
    assert told.startswith("\n--- figures\n") and "assert 7 == (2 * 4)" in told


def test_what_is_stopped_is_not_said_to_have_passed(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    begun = beside(
        tmp_path, f"import pathlib, time\ndef test_a():\n    pathlib.Path({str(mark)!r}).touch(); time.sleep(600)\n"
    )
    begun.start()
    while not mark.exists():
        assert begun.is_alive()
        time.sleep(0.05)
    begun.stop()
    assert not begun.is_alive()
    (failure,) = begun.outcomes()[1].failures
    assert failure.startswith("figures: ")


def test_without_a_check_the_suites_alone_are_run(tmp_path: Path) -> None:
    (tmp_path / "tests/figures").mkdir(parents=True)
    (tmp_path / "tests/figures/test_figures.py").write_text("def test_a(): assert 6 == 2 * 3\n")
    begun = Beside(None, [FIGURES], tmp_path, ["-p", "no:cacheprovider"], tmp_path / "run")
    begun.start()
    assert [(one.stage, one.passed) for one in begun.outcomes()] == [("figures", 1)]


def test_a_suite_that_is_late_tells_what_it_has_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tests/figures").mkdir(parents=True)
    (tmp_path / "tests/figures/test_figures.py").write_text(
        "import pathlib, pytest, time\n"
        "@pytest.fixture(scope='session')\n"
        "def made():\n    yield\n    pathlib.Path('undone').touch()\n"
        "def test_a(made): pass\ndef test_b(made): assert False\ndef test_c(made): time.sleep(600)\n"
    )
    monkeypatch.setattr("lab.check.suites.LIMIT", 8)
    begun = Beside(None, [FIGURES], tmp_path, ["-p", "no:cacheprovider"], tmp_path / "run")
    begun.start()
    (seen,) = begun.outcomes()
    assert (seen.passed, "tests.figures.test_figures::test_b" in seen.failures) == (1, True)
    assert seen.failures[-1].startswith("figures: had not ended after")
    assert (tmp_path / "undone").exists()
