"""The warden ends what a dead director left, and what a frozen one cannot end itself."""

from __future__ import annotations

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
    warden.until(now() + 1)
    client = WorkerClient(sys.argv[1], lock=Path(sys.argv[2]), warden=warden)
    await client.start()
    call = asyncio.create_task(client.call("create_disk", [1, {"sleep": 30}], {}))
    await asyncio.sleep(0.2)
    os.kill(os.getpid(), signal.SIGSTOP)
    print(await outcome(call), await outcome(client.call("info")))
    warden.until(now() + 10)
    print(await outcome(client.call("has_disk", ["disk-1"])))
    await client.close()
    warden.close()

asyncio.run(main())
"""


def until(done: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_frozen_directors_worker_ends_in_time_and_the_woken_one_begins_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "worker.lock"
    words = [sys.executable, "-c", DIRECTOR, PLUGIN, str(lock)]
    with subprocess.Popen(words, env=environment_with_package(None), stdout=subprocess.PIPE, text=True) as director:
        try:
            until(lambda: stopped(director.pid))
            until(lambda: is_free(lock))
            director.send_signal(signal.SIGCONT)
            said, _ = director.communicate(timeout=20)
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
        director.wait(10)

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
        first.wait(10)
        warden.until(now() + 0.2)
        assert child.wait(10) == -signal.SIGKILL
    with pytest.raises(RuntimeError):
        warden.check()
    warden.close()
