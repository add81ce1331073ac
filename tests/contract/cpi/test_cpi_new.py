"""`meristem cpi new`: what it writes passes the kit, by its own tests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from cpi.conformance import new

TREE = Path(__file__).resolve().parents[3]


def test_a_new_cpi_passes_its_own_tests(tmp_path: Path) -> None:
    made = new.write("two-words", tmp_path / "made")
    assert (tmp_path / "made" / "two_words_cpi" / "plugin.py") in made
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=tmp_path / "made", env={**os.environ, "PYTHONPATH": str(TREE)}, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    assert "failed" not in done.stdout
    assert int(done.stdout.rpartition(" passed")[0].split()[-1]) > 50


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError, match="not empty"):
        new.write("acme", tmp_path)
    for name in ("", "Acme", "-x", "a b"):
        with pytest.raises(ValueError, match="cannot name a CPI"):
            new.write(name, tmp_path / "other")
