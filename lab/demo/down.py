"""Remove the demo: its processes, its VMs, its lab, its files. Caches stay."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab import loops
from lab import record as lab_record
from lab.demo.record import Record
from lab.removal import remove


def down(directory: Path) -> None:
    """By what the demo wrote down, whatever state an interruption left it in. Doing it twice is fine."""
    record = Record.read(directory)
    names = list(record.processes)
    for name in names:
        record.end(name)
    found = lab_record.load(record.lab)
    if found is not None:
        remove(found)
    loops.free(directory)
    shutil.rmtree(directory)
    print("demo: removed director, VMs, lab and their files; what was downloaded or built stays in the cache")
