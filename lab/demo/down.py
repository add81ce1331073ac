"""Remove the demo: its processes, its VMs, its lab, its files. Caches stay."""

from __future__ import annotations

import shutil
from pathlib import Path

from lab import record as lab_record
from lab.demo.record import Record
from lab.removal import remove


def down(directory: Path) -> None:
    """Doing it twice is fine."""
    if not directory.exists():
        print("demo: nothing to remove")
        return
    record = Record.read(directory)
    for name in list(record.processes):
        print(f"demo: ending {name}")
        record.end(name)
    found = lab_record.load(record.lab)
    if found is not None:
        print("demo: removing VMs, namespace and everything in it")
        remove(found)
    shutil.rmtree(directory)
    print("demo: gone; downloaded and built things stay in the cache")
