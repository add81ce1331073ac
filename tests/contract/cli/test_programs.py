"""Verbs that hand over to other packages' programs."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from meristem.cli import entry_point
from meristem.cli.failure import CliError


def meristem(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "meristem.cli.main", *words]
    return subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("stemcell", "build"), "recipe"),
        (("agent", "build"), "out"),
        (("cpi", "exec"), "plugin"),
        (("cpi", "check"), "--junit"),
        (("director", "run"), "--config"),
    ],
)
def test_help_is_the_programs_own(words: tuple[str, ...], said: str) -> None:
    done = meristem(*words, "--help")
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_the_agent_is_built(tmp_path: Path) -> None:
    done = meristem("agent", "build", str(tmp_path / "agent.pyz"))
    assert done.returncode == 0, done.stderr
    assert "__main__.py" in zipfile.ZipFile(tmp_path / "agent.pyz").namelist()


def test_errors_and_exit_codes_come_through(tmp_path: Path) -> None:
    done = meristem("director", "run", "--config", str(tmp_path / "none.yml"))
    assert done.returncode == 1
    assert "none.yml" in done.stderr
    assert "Traceback" not in done.stderr
    done = meristem("stemcell", "build", "no-such-recipe", "--out", str(tmp_path / "x.tgz"))
    assert done.returncode == 1
    assert "no-such-recipe" in done.stderr
    assert not (tmp_path / "x.tgz").exists()


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(CliError, match="not installed"):
        entry_point.run("nowhere.to.be", [])
