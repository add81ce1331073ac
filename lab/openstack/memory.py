"""Memory of a session's processes."""

from __future__ import annotations

from pathlib import Path


def proportional(session: int) -> int:
    """MiB (PSS: shared pages in parts) of all processes of a session."""
    kib = 0
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and _session(process) == session:
            kib += _pss(process)
    return kib // 1024


def _session(process: Path) -> int:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[3])
    except (OSError, IndexError):
        return -1


def _pss(process: Path) -> int:
    try:
        lines = (process / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
