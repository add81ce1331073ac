"""One VM of the dummy cloud: a directory, and a keeper process that runs the agent and starts it again when it exits.

Agents restart themselves by exiting (new bus certificate, new blobstore); on a real VM the init system brings them back, here the keeper does.
The keeper adopts orphans (`PR_SET_CHILD_SUBREAPER`), so that stopping it takes down every process the agent ever started.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

PR_SET_CHILD_SUBREAPER = 36
RESTART_PAUSE = 0.2
STOP_SECONDS = 10.0
VM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def prepare(base: Path, settings: dict[str, Any]) -> None:
    """The VM's directory: `settings.json` where the agent's File source looks, `agent.json` that names the source, an empty log."""
    for part in ("bosh/etc", "bosh/log", "seed", "tmp", "home"):
        (base / part).mkdir(parents=True, exist_ok=True)
    source = base / "seed" / "settings.json"
    source.write_text(json.dumps(settings))
    source.chmod(0o600)
    config = {
        "Platform": {"Linux": {"DevicePathResolutionType": "virtio"}},
        "Infrastructure": {"Settings": {"Sources": [{"Type": "File", "SettingsPath": str(source)}]}},
    }
    (base / "bosh" / "agent.json").write_text(json.dumps(config))


def start(base: Path, agent: list[str], environment: dict[str, str]) -> dict[str, Any] | None:
    """Start the keeper, detached from the CPI process; answers its id and start time, by which `stop` knows it again."""
    if not agent:
        return None
    places = {"{base}": str(base), "{config}": str(base / "bosh" / "agent.json")}
    command = [places.get(word, word) for word in agent]
    with (base / "agent.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd=base,
            env={"PATH": VM_PATH, "HOME": str(base / "home"), "TMPDIR": str(base / "tmp"), **environment},
        )
    return {"pid": keeper.pid, "started": _started(keeper.pid)}


def stop(process: dict[str, Any] | None) -> None:
    """End the keeper and all that it runs; nothing happens when that process is gone or its id was given to another."""
    if not process or _started(process["pid"]) != process["started"]:
        return
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, 2.0)):
        if number == signal.SIGKILL:
            for pid in _descendants(process["pid"]):
                _signal(pid, number)
        _signal(process["pid"], number)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if _started(process["pid"]) != process["started"] or _is_zombie(process["pid"]):
                return
            time.sleep(0.02)


def alive(process: dict[str, Any] | None) -> bool:
    return bool(process) and _started(process["pid"]) == process["started"] and not _is_zombie(process["pid"])


def discard(path: Path) -> None:
    shutil.rmtree(path, ignore_errors=True)


def keep(command: list[str]) -> int:
    """The keeper's own life: run the agent for ever; on SIGTERM kill every process below and leave."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    def leave(_number: int, _frame: FrameType | None) -> None:
        for number, seconds in ((signal.SIGTERM, 1.0), (signal.SIGKILL, 2.0)):
            deadline = time.monotonic() + seconds
            while (below := _descendants(os.getpid())) and time.monotonic() < deadline:
                for pid in below:
                    _signal(pid, number)
                _reap()
                time.sleep(0.05)
        os._exit(0)

    signal.signal(signal.SIGTERM, leave)
    while True:
        agent = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        while True:
            pid, status = os.wait()
            if pid == agent.pid:
                break
        print(
            f"keeper: agent ended with {os.waitstatus_to_exitcode(status)}, starting it again",
            file=sys.stderr,
            flush=True,
        )
        time.sleep(RESTART_PAUSE)


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return


def _descendants(pid: int) -> list[int]:
    found: list[int] = []
    todo = [pid]
    while todo:
        current = todo.pop()
        for children in Path(f"/proc/{current}/task").glob("*/children"):
            try:
                below = [int(word) for word in children.read_text().split()]
            except OSError:
                continue
            found += below
            todo += below
    return found


def _stat(pid: int) -> list[str]:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _started(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def _is_zombie(pid: int) -> bool:
    return _stat(pid)[:1] == ["Z"]


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
