"""What runs leave on a machine: looked at before and after, and compared."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields
from pathlib import Path

from lab import cgroups, loops
from lab.record import start_time


@dataclass(frozen=True)
class Traces:
    """What this process sees of the machine now; each thing as one line of text."""

    processes: frozenset[str]
    """Of the own process namespace: pid, start time, cgroup and command line. Kernel threads are none."""
    mounts: frozenset[str]
    namespaces: frozenset[str]
    """Named network namespaces, and those of processes by number."""
    links: frozenset[str]
    """Network interfaces, bridges marked as such."""
    loops: frozenset[str]
    cgroups: frozenset[str]


def look() -> Traces:
    """Look at everything, whoever made it. The process that looks is left out, and so is the helper that it starts."""
    return Traces(_processes(), _mounts(), _namespaces(), _links(), _loops(), _cgroups())


def left(before: Traces, after: Traces, about: tuple[str, ...] = ()) -> dict[str, list[str]]:
    """What is there after and was not before, by kind; with `about`, only lines that hold one of these words.

    The words are for machines where others are at work too: a run's name, its directory.
    """
    found: dict[str, list[str]] = {}
    for kind in fields(Traces):
        lines = sorted(getattr(after, kind.name) - getattr(before, kind.name))
        lines = [line for line in lines if not about or any(word in line for word in about)]
        if lines:
            found[kind.name] = lines
    return found


def _processes() -> frozenset[str]:
    lines: set[str] = set()
    for process in _numbers(Path("/proc")):
        pid = int(process.name)
        started = start_time(pid)
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            groups = {line.rpartition(":")[2] for line in (process / "cgroup").read_text().splitlines()}
        except OSError:
            continue
        if words and started is not None and pid != os.getpid():
            lines.add(f"{pid} since {started} in {' '.join(sorted(groups))}: {words[:200]}")
    return frozenset(lines)


def _mounts() -> frozenset[str]:
    rows = (line.split() for line in Path("/proc/self/mountinfo").read_text().splitlines())
    return frozenset(f"{row[4]} (mount {row[0]}, device {row[2]}, root {row[3]})" for row in rows)


def _namespaces() -> frozenset[str]:
    named = Path("/run/netns")
    lines = {f"named {path.name}" for path in named.iterdir()} if named.is_dir() else set[str]()
    for process in _numbers(Path("/proc")):
        try:
            lines.add((process / "ns" / "net").readlink().name)
        except OSError:
            continue
    return frozenset(lines)


def _links() -> frozenset[str]:
    return frozenset(
        f"{path.name}{' (bridge)' if (path / 'bridge').is_dir() else ''}" for path in Path("/sys/class/net").iterdir()
    )


def _loops() -> frozenset[str]:
    return frozenset(f"{loop.name} of {loop.file} (inode {loop.inode})" for loop in loops.attached())


def _cgroups() -> frozenset[str]:
    tops = [hierarchy.mountpoint for hierarchy in cgroups.hierarchies()]
    return frozenset(folder for top in tops for folder, _, _ in os.walk(top))


def _numbers(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.name.isdigit()]
