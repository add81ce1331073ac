"""A bare machine runs one command and is gone."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from pathlib import Path

import pytest

from lab import cgroups

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]


def run(place: Path, script: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lab", "disposable", "--root", str(place), "--", "sh", "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def groups() -> set[str]:
    return {path.name for hierarchy in cgroups.hierarchies() for path in hierarchy.mountpoint.glob("bare-*")}


def test_it_is_bare_and_its_own_and_leaves_nothing() -> None:
    place = Path(os.environ.get("MERISTEM_RUN", "/var/lib/meristem")) / f"bare-{secrets.token_hex(4)}"
    before = groups()
    script = (
        "sleep 1000 & hostname; cat /etc/debian_version; ls /proc | grep -c '^[0-9]*$'; cut -d: -f3 /proc/self/cgroup"
    )
    done = run(place, f"{script}; test -x bin/setup && ! command -v python3 && touch /left && exit 7")
    words = done.stdout.split()
    assert done.returncode == 7, done.stderr
    assert words[0] == "bare"
    assert words[1].startswith("12.")
    assert int(words[2]) < 10  # its own processes only
    assert set(words[3:]) == {"/"}
    assert not place.exists()
    assert groups() <= before
    assert not Path("/left").exists()


def test_a_place_that_holds_something_else_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "letter").write_text("dear")
    done = run(tmp_path, "true")
    assert done.returncode == 125
    assert "exists and is no disposable machine of ours" in done.stderr
    assert (tmp_path / "letter").read_text() == "dear"
