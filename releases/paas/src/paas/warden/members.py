"""Which processes of a container belong to what was started in it: told by session and parent, from /proc."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path


def relations(pids: Iterable[int]) -> dict[int, tuple[int, int]]:
    """pid -> (parent, session) of those that are still there."""
    found: dict[int, tuple[int, int]] = {}
    for pid in pids:
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        fields = stat.rpartition(")")[2].split()
        found[pid] = (int(fields[1]), int(fields[3]))
    return found


def besides_init(pids: Iterable[int], init: int) -> list[int]:
    """All but the container's init and what it started itself."""
    known = relations(pids)
    session = known.get(init, (0, init))[1]
    return [pid for pid, (_, own) in known.items() if own != session]


def family(pids: Iterable[int], first: int) -> list[int]:
    """`first`, its session and its descendants."""
    known = relations(pids)
    members = {pid for pid, (_, session) in known.items() if pid == first or session == first}
    grown = True
    while grown:
        more = {pid for pid, (parent, _) in known.items() if parent in members} - members
        members |= more
        grown = bool(more)
    return sorted(members)


def send(pids: Iterable[int], number: int) -> None:
    """A signal to each of them that is still there."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
