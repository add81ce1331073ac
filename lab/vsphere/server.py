"""The simulator as a process: started, found again by its record, ended with all its files."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lab.errors import LabError
from lab.house import Lab
from lab.record import start_time
from lab.vsphere.build import simulator

START_WAIT, END_WAIT = 30.0, 10.0
USER = "administrator@vsphere.local"


@dataclass(frozen=True)
class Vcenter:
    """One that runs. `full` names a datastore without free space, `datacenter` lies in a folder."""

    directory: str
    url: str
    user: str
    password: str
    pid: int
    started: int
    datacenter: str = "DC0"
    clusters: tuple[str, ...] = ("DC0_C0", "DC0_C1")
    datastores: tuple[str, ...] = ("LocalDS_0", "LocalDS_1")
    full: str = "LocalDS_2"

    @property
    def address(self) -> str:
        """Host and port."""
        return self.url.removeprefix("https://")

    def lives(self) -> bool:
        """Whether its process runs."""
        return start_time(self.pid) == self.started


def up(directory: Path, listen: str = "127.0.0.1:0", within: Lab | None = None) -> Vcenter:
    """Start one with its files below `directory`, or find the one that runs there; `within` a lab, in its network."""
    found = load(directory)
    if found is not None and found.lives():
        return found
    down(directory)
    program = simulator()
    files = directory / "files"
    files.mkdir(parents=True)
    password, log = secrets.token_urlsafe(12), directory / "vcsim.log"
    command = [str(program), "-listen", listen, "-user", USER, "-password", password, "-full", Vcenter.full]
    with log.open("wb") as output:
        process = subprocess.Popen(
            within.command(command) if within else command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, "TMPDIR": str(files)},
        )
    url = _url(process, log)
    started = start_time(process.pid)
    if started is None:
        raise LabError(f"the simulator ended at once; {log} tells why")
    vcenter = Vcenter(str(directory), url, USER, password, process.pid, started)
    record = directory / "vcenter.json"
    record.touch(0o600)
    record.write_text(json.dumps(asdict(vcenter)))
    return vcenter


def load(directory: Path) -> Vcenter | None:
    """What the record says, None without one."""
    try:
        fields: dict[str, Any] = json.loads((directory / "vcenter.json").read_text())
    except FileNotFoundError:
        return None
    lists: dict[str, Any] = {key: tuple(value) for key, value in fields.items() if isinstance(value, list)}
    return Vcenter(**{**fields, **lists})


def down(directory: Path) -> None:
    """End it, and remove what it kept."""
    found = load(directory)
    if found is not None and found.lives():
        end(found)
    shutil.rmtree(directory, ignore_errors=True)


def end(vcenter: Vcenter) -> None:
    """End the process: all that this vCenter knew is gone."""
    os.kill(vcenter.pid, signal.SIGTERM)
    until = time.monotonic() + END_WAIT
    while vcenter.lives() and time.monotonic() < until:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(vcenter.pid, os.WNOHANG)
        time.sleep(0.02)
    if vcenter.lives():
        os.kill(vcenter.pid, signal.SIGKILL)


def _url(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + START_WAIT
    while time.monotonic() < until and process.poll() is None:
        for line in log.read_text(errors="replace").splitlines():
            if line.startswith("ready "):
                return line.removeprefix("ready ")
        time.sleep(0.02)
    process.kill()
    raise LabError(f"the simulator did not start: {log.read_text(errors='replace').strip()[-500:]}")
