"""Rehearsing a crash: the process really dies, once."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from director.engine.probe import kill_probe, probe_of, quiet
from director.model.errors import BadRequest
from director.model.plan import Step

PROGRAM = """
import asyncio
from director.engine.probe import probe_of
from director.model.plan import Step

async def main() -> None:
    probe = probe_of()
    for number in range(3):
        for point in ("before_intent", "after_intent", "after_effect", "after_result"):
            for kind in ("create_vm", "drain"):
                print(number, point, kind, flush=True)
                await probe(point, Step(id=str(number), kind=kind, title=""))

asyncio.run(main())
"""


def rehearse(spec: str, mark: Path) -> subprocess.CompletedProcess[str]:
    environment = {"MERISTEM_KILL_AT": spec, "MERISTEM_KILL_MARK": str(mark), "PATH": "/usr/bin:/bin"}
    return subprocess.run(
        [sys.executable, "-c", PROGRAM], env=environment, cwd=Path.cwd(), capture_output=True, text=True, timeout=60
    )


def test_it_strikes_at_the_nth_of_its_kind_and_only_once(tmp_path: Path) -> None:
    mark = tmp_path / "struck"
    first = rehearse("create_vm:after_effect:2", mark)
    assert first.returncode == -signal.SIGKILL
    assert first.stdout.splitlines()[-1] == "1 after_effect create_vm"
    assert mark.exists()
    second = rehearse("create_vm:after_effect:2", mark)
    assert second.returncode == 0
    assert second.stdout.splitlines()[-1] == "2 after_result drain"


def test_several_places_are_met_one_after_the_other(tmp_path: Path) -> None:
    mark = tmp_path / "struck"
    specs = "drain:after_result,create_vm:after_effect,drain:before_intent:3"
    ends = [rehearse(specs, mark) for _ in range(4)]
    assert [end.returncode for end in ends] == [-signal.SIGKILL] * 3 + [0]
    met = ["create_vm:after_effect 0", "drain:after_result 0", "drain:before_intent:3 2"]
    assert mark.read_text().splitlines() == met


@pytest.mark.parametrize("spec", ["create_vm", "create_vm:sometime", "create_vm:after_effect:0", ":after_effect"])
def test_a_wrong_wish_is_refused(spec: str, tmp_path: Path) -> None:
    with pytest.raises(BadRequest, match="expected <kind>:<point>"):
        kill_probe(spec, tmp_path / "mark")


async def test_without_a_wish_nothing_watches() -> None:
    assert probe_of({}) is quiet
    with pytest.raises(BadRequest, match="MERISTEM_KILL_MARK"):
        probe_of({"MERISTEM_KILL_AT": "create_vm:after_effect"})
    await quiet("after_effect", Step(id="1", kind="create_vm", title=""))
