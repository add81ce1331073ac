"""Runs a command inside a lab: `python -m lab.enter DIRECTORY COMMAND...` becomes that command (same pid)."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from lab import cgroups, namespaces
from lab.errors import LabError
from lab.record import LabRecord, load


def enter(record: LabRecord) -> None:
    """Move the calling (single-threaded) process into the lab's cgroups and its network, cgroup and mount namespaces."""
    if not record.holder_lives():
        raise LabError(f"{record.directory}: this lab is not up; run `python -m lab up --dir {record.directory}`")
    here = Path.cwd()
    cgroups.join(record.cgroup)
    of_holder = Path(f"/proc/{record.holder_pid}/ns")
    namespaces.enter(of_holder / "net", namespaces.NEW_NET)
    namespaces.enter(of_holder / "cgroup", namespaces.NEW_CGROUP)
    namespaces.enter(of_holder / "mnt", namespaces.NEW_MOUNT)
    os.chdir(here)


def become(directory: Path, command: list[str]) -> NoReturn:
    """Enter the lab of `directory` and replace this process by `command`."""
    record = load(directory)
    if record is None:
        raise LabError(f"{directory}: no lab here; run `python -m lab up --dir {directory}`")
    enter(record)
    try:
        os.execvp(command[0], command)  # noqa: S606 (no shell is wanted)
    except OSError as error:
        raise LabError(f"{command[0]}: {error.strerror}") from error


if __name__ == "__main__":
    try:
        become(Path(sys.argv[1]).resolve(), sys.argv[2:])
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        sys.exit(125)
