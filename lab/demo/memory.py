"""Resident memory of the demo's director and agents, in KiB."""

from __future__ import annotations

from pathlib import Path

from lab import cgroups
from lab.demo.record import Record
from lab.record import LabRecord


def resident(pid: int) -> int:
    """Of one process; 0 for one that is gone (proc(5), VmRSS)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("VmRSS:")), 0)


def of_director(record: Record) -> int:
    """The director's own process."""
    return resident(record.processes["director"].pid)


def of_agents(lab: LabRecord) -> list[int]:
    """The agents in the lab's VMs."""
    found: list[int] = []
    for pid in cgroups.members(lab.cgroup):
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"run" in words and any(word.endswith(b"meristem-agent.pyz") for word in words):
            found.append(resident(pid))
    return sorted(found)
