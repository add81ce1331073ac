"""The warden ends what a dead director left, and what a frozen one cannot end itself."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cpi.client import environment_with_package
from cpi.lock import is_free
from cpi.warden import Warden, now
from tests.unit.cpi.test_cpi_worker import PLUGIN

DIRECTOR = """
import asyncio, os, signal, sys
from pathlib import Path
from cpi.client import WorkerClient
from cpi.warden import Warden, now

class TooLate(Exception): pass

async def outcome(call):
    try:
        return await call
    except Exception as error:
        return type(error).__name__

async def main():
    warden = Warden(TooLate)
    warden.until(now() + 60)
    client = WorkerClient(sys.argv[1], lock=Path(sys.argv[2]), warden=warden)
    await client.start()
    call = asyncio.create_task(client.call("create_disk", [1, {"gate": sys.argv[3]}], {}))
    while not Path(sys.argv[3]).with_suffix(".begun").exists():
        await asyncio.sleep(0.01)
    warden.until(now() + 1)
    os.kill(os.getpid(), signal.SIGSTOP)
    print(await outcome(call), await outcome(client.call("info")))
    warden.until(now() + 60)
    print(await outcome(client.call("has_disk", ["disk-1"])))
    await client.close()
    warden.close()

asyncio.run(main())
"""


def until(done: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_frozen_directors_worker_ends_in_time_and_the_woken_one_begins_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "worker.lock"
    words = [sys.executable, "-c", DIRECTOR, PLUGIN, str(lock), str(tmp_path / "gate")]
    with subprocess.Popen(words, env=environment_with_package(None), stdout=subprocess.PIPE, text=True) as director:
        try:
            until(lambda: stopped(director.pid))
            until(lambda: is_free(lock))
            director.send_signal(signal.SIGCONT)
            said, _ = director.communicate(timeout=60)
        finally:
            director.kill()
    first, second = said.splitlines()
    assert first.split() == ["WorkerDied", "TooLate"]
    assert second not in ("WorkerDied", "TooLate"), "a renewal opens the way again"


def test_what_a_killed_director_had_started_ends_with_it() -> None:
    code = (
        "import subprocess, sys\n"
        "from cpi.warden import Warden\n"
        "child = subprocess.Popen(['sleep', '60'], start_new_session=True)\n"
        "Warden(RuntimeError).add(child.pid)\n"
        "print(child.pid, flush=True)\n"
        "sys.stdin.read()\n"
    )
    words = [sys.executable, "-c", code]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen(words, env=environment_with_package(None), text=True, **pipes) as director:  # type: ignore[call-overload]
        child = int(director.stdout.readline())
        director.kill()
        director.wait(30)

    def gone() -> bool:
        try:
            return Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        except FileNotFoundError:
            return True

    until(gone)


def test_a_warden_that_was_ended_is_replaced_and_knows_all() -> None:
    warden = Warden(RuntimeError)
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as child:
        warden.add(child.pid)
        first = warden._child
        assert first is not None
        first.kill()
        first.wait(30)
        warden.until(now() + 0.2)
        assert child.wait(30) == -signal.SIGKILL
    with pytest.raises(RuntimeError):
        warden.check()
    warden.close()


LEAVES = """
import asyncio, os, signal, sys
from pathlib import Path
from cpi.client import WorkerClient
from cpi.warden import Warden, now

async def main():
    plugin, lock, cloud, gate, until, with_warden = sys.argv[1:]
    warden = Warden(RuntimeError)
    warden.until(None)
    client = WorkerClient(plugin, lock=Path(lock), warden=warden, threads=1)
    await client.start()
    for key in ("begun", "behind"):
        asyncio.create_task(client.call("create_disk", [1, {"say": "a line for nobody", "gate": gate, "sleep": 1}], {"dir": cloud, "key": key}))
    while not Path(gate).with_suffix(".begun").exists():
        await asyncio.sleep(0.01)
    if until:
        warden.until(now() + float(until))
    if with_warden:
        os.kill(warden._child.pid, signal.SIGKILL)
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


def left_by_a_dead_director(tmp_path: Path, until_: str = "", with_warden: str = "", loop: str = "asyncio") -> set[str]:
    """The keys of what its calls came to: one had begun when it was killed, one waited for a thread."""
    lock, cloud, gate = tmp_path / "worker.lock", tmp_path / "cloud", tmp_path / "gate"
    code = LEAVES if loop == "asyncio" else LEAVES.replace("asyncio.run(", "import uvloop; uvloop.run(")
    words = [sys.executable, "-c", code, PLUGIN, str(lock), str(cloud), str(gate), until_, with_warden]
    done = subprocess.run(words, env=environment_with_package(None), timeout=30, check=False)
    assert done.returncode == -signal.SIGKILL
    if not until_ and not with_warden:
        gate.touch()
    until(lambda: is_free(lock))
    return {json.loads(path.read_text())["key"] for path in cloud.glob("disk/*.json")}


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_a_call_that_had_begun_ends_after_its_directors_death_and_no_other_begins(tmp_path: Path, loop: str) -> None:
    assert left_by_a_dead_director(tmp_path, loop=loop) == {"begun"}


def test_what_outlives_a_director_ends_with_the_time_in_which_it_might_have_acted(tmp_path: Path) -> None:
    assert left_by_a_dead_director(tmp_path, until_="0.6") == set()


def test_without_a_warden_nothing_outlives_its_director(tmp_path: Path) -> None:
    assert left_by_a_dead_director(tmp_path, with_warden="too") == set()
