"""Takes down every lab whose record lies under a directory."""

from __future__ import annotations

from pathlib import Path

from lab.record import FILE, load
from lab.removal import remove


def sweep(top: Path) -> list[str]:
    """Remove all labs recorded under `top`; returns their names."""
    names: list[str] = []
    for path in sorted(top.rglob(FILE)) if top.is_dir() else []:
        record = load(path.parent)
        if record is not None:
            remove(record)
            names.append(record.name)
    return names
