"""Real processes, real SIGKILL: the next process takes the task over at once and ends it; each effect has happened once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from director.adapters.store.life import Life
from director.adapters.store.sql import open_store
from director.engine import probe as points
from director.model.errors import DirectorError
from director.model.rows import JournalEntry, SettingRow
from tests.recovery.director_process import EFFECTS, plan


def director(directory: Path, kill_at: str = "") -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "MERISTEM_KILL_AT": kill_at, "MERISTEM_KILL_MARK": str(directory / "mark")}
    return subprocess.run(
        [sys.executable, "-m", "tests.recovery.director_process", str(directory)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("point", points.POINTS)
async def test_a_killed_director_is_succeeded_at_once(tmp_path: Path, point: str) -> None:
    killed = director(tmp_path, f"line:{point}:5")
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    started = time.monotonic()
    again = director(tmp_path)
    assert again.stdout == "done resumed\n", again.stderr
    assert time.monotonic() - started < 25  # the dead one's lease has 30 s
    made = (tmp_path / EFFECTS).read_text().split()
    wanted = [step.id for unit in plan().stages[0].units for step in unit.steps]
    assert sorted(made) == sorted(wanted)
    store = await open_store(tmp_path / "director.db")
    assert all([await store.get(SettingRow, f"made {one}") for one in wanted])
    assert {entry.state for entry in await store.find(JournalEntry)} <= {"done", "repeated"}
    assert await store.leases() == []
    await store.close()


def test_one_home_has_one_director(tmp_path: Path) -> None:
    lock = tmp_path / "home" / "director.lock"
    first = Life.take(lock)
    with pytest.raises(DirectorError, match=r"Another director runs here: it holds .*director\.lock"):
        Life.take(lock)
    first.close()
    second = Life.take(lock)
    assert second.earlier == first.earlier
    assert second.owner != first.owner
    assert second.owner.startswith(second.earlier)
    second.close()
