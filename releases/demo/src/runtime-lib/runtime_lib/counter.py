"""A counter in a file that survives a crash: written aside, synced, renamed."""

from __future__ import annotations

import os
import threading
from pathlib import Path


class Counter:
    """`value` and `raise_by_one`; one instance per file and process."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()

    def value(self) -> int:
        """The stored number, 0 for a new file."""
        try:
            return int(self._file.read_text())
        except FileNotFoundError:
            return 0

    def raise_by_one(self) -> int:
        """Adds one durably and returns the new number."""
        with self._lock:
            number = self.value() + 1
            fresh = self._file.with_suffix(".new")
            with fresh.open("w") as out:
                out.write(str(number))
                out.flush()
                os.fsync(out.fileno())
            fresh.replace(self._file)
            return number
