"""The suites of `bin/test --all` take every test once."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from lab.check.suites import STAGES, Suite, side_by_side, within

TOP = Path(__file__).resolve().parents[3]
MARK = re.compile(r"^(pytestmark = |@|.*marks=).*\bpytest\.mark\.lab\b", re.MULTILINE)
FILES = sorted(path.relative_to(TOP).as_posix() for path in (TOP / "tests").rglob("test_*.py"))
CLOUDS_FILES = [path for path in FILES if path.startswith("tests/clouds/")]


def takers(path: str, suites: list[Suite], marker: str) -> list[str]:
    return [
        one.name
        for one in suites
        if one.marker == marker and within(path, one.folders) and not within(path, one.left_out)
    ]


def marked(path: str) -> bool:
    return path.startswith(("tests/lab/", "tests/e2e/lab/")) or MARK.search((TOP / path).read_text()) is not None


@pytest.mark.parametrize("marker", ["not lab", "lab"])
def test_each_file_is_taken_by_one_suite(marker: str) -> None:
    everything = STAGES["--all"].suites
    mine = set(FILES) - set(CLOUDS_FILES)
    files = sorted(path for path in mine if (marked(path) if marker == "lab" else not path.startswith("tests/lab/")))
    assert len(files) > 10
    assert [path for path in files if len(takers(path, everything, marker)) != 1] == []


def test_each_clouds_file_is_taken_by_one_suite() -> None:
    assert CLOUDS_FILES
    assert [path for path in CLOUDS_FILES if len(takers(path, STAGES["--clouds"].suites, "clouds")) != 1] == []


def test_what_is_left_for_later_is_there() -> None:
    left = {path for suite in STAGES["--all"].suites for path in suite.left_out}
    assert left and [path for path in left if not (TOP / path).exists()] == []


def test_a_path_belongs_to_a_folder_or_file() -> None:
    assert within("tests/e2e/bench/test_bench.py::test_x[a/b]", ["tests/e2e"])
    assert within("tests/e2e/test_a.py", ["tests/e2e/test_a.py"])
    assert not within("tests/e2elsewhere/test_a.py", ["tests/e2e"])


def test_two_stages_at_once_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "lab.check", "--quick", "--clouds"], cwd=TOP, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "bin/test: one stage at a time, not --quick and --clouds; --all is all but --clouds\n"


FRONT = Suite("front", ["tests/a"], "not lab", 0)
MEEK = Suite("meek", ["tests/b"], "not lab", 0, gives_way=True)
IDLE = Suite("idle", ["tests/c"], "clouds", 0, root=True, idle=True)


def test_what_gives_way_and_what_is_idle_have_lanes_of_their_own() -> None:
    assert side_by_side([FRONT, MEEK, IDLE], root=True) == ([FRONT], [[MEEK], [IDLE]])


def test_what_needs_root_is_told_in_front_where_there_is_none() -> None:
    assert side_by_side([FRONT, MEEK, IDLE], root=False) == ([FRONT, IDLE], [[MEEK], []])


def test_alone_a_suite_is_in_front() -> None:
    assert side_by_side([IDLE], root=True) == ([IDLE], [[], []])
    assert side_by_side([MEEK], root=True) == ([MEEK], [[], []])
