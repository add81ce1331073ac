"""Run a command where the demo's VMs are: in the lab's network namespace, with the CLI led to the director."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import NoReturn

from lab import record as lab_record
from lab.demo.command import API_PORT, environment
from lab.demo.record import Record
from lab.enter import become
from lab.errors import LabError


def inside(directory: Path, command: list[str]) -> NoReturn:
    """Become `command` (or a shell) there; LabError when no demo runs."""
    record = Record.read(directory)
    found = lab_record.load(record.lab)
    if found is None or not found.holder_lives() or not (directory / "password").is_file():
        raise LabError("no demo runs; start it with bin/demo")
    os.environ.update(environment(record, f"{found.address}:{API_PORT}"))
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    become(record.lab, command or [os.environ.get("SHELL", "/bin/bash")])
