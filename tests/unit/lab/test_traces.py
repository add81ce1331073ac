"""What a run leaves is seen."""

from __future__ import annotations

import subprocess
from pathlib import Path

from lab import traces


def test_a_process_is_seen_while_it_lives() -> None:
    before = traces.look()
    with subprocess.Popen(["sleep", "1234.5"]) as sleeper:
        found = traces.left(before, traces.look(), about=("sleep 1234.5",))
        sleeper.kill()
    assert list(found) == ["processes"]
    assert found["processes"][0].startswith(f"{sleeper.pid} since ")
    assert traces.left(before, traces.look(), about=("sleep 1234.5",)) == {}


def test_what_was_there_before_is_not_left() -> None:
    now = traces.look()
    assert traces.left(now, now) == {}
    assert any(line.startswith("/proc ") for line in now.mounts)
    assert any(line.startswith("lo") for line in now.links)
    assert {str(Path(line)) for line in now.cgroups}
