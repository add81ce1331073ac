"""One cgroup per lab at the root of every hierarchy: it bounds what the lab runs, and names it after a crash.

The lab's processes see that group as their root (a cgroup namespace), so whatever libvirtd or a container's init makes
there is beneath it. cgroup v1 with or without the `unified` mount is what this was tried on; on a host with v2 alone
the same steps are taken in its single hierarchy.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lab.errors import LabError
from lab.programs import program

ROOT = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Hierarchy:
    """One mounted hierarchy; `options` are the controllers of a v1 mount, for mounting it once more."""

    mountpoint: Path
    version: int
    options: str = ""


def hierarchies() -> list[Hierarchy]:
    """The hierarchies mounted at or under /sys/fs/cgroup (from mountinfo, proc(5)), each once."""
    found: dict[Path, Hierarchy] = {}
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        left, _, right = line.partition(" - ")
        mountpoint = Path(left.split()[4])
        kind, _, super_options = right.split()[:3]
        if not mountpoint.is_relative_to(ROOT):
            continue
        if kind == "cgroup":
            words = [word for word in super_options.split(",") if word not in ("rw", "ro", "xattr", "clone_children")]
            named = [word for word in words if word.startswith("name=")]
            options = ",".join(["none", *named] if named else [w for w in words if not w.startswith("release_agent")])
            found[mountpoint] = Hierarchy(mountpoint, 1, options)
        elif kind == "cgroup2":
            found[mountpoint] = Hierarchy(mountpoint, 2)
    if not found:
        raise LabError("no cgroup hierarchy is mounted under /sys/fs/cgroup; containers need them")
    return list(found.values())


def make(group: str) -> None:
    """Make the group in every hierarchy, ready for processes (a v1 cpuset must be filled first)."""
    for hierarchy in hierarchies():
        path = hierarchy.mountpoint / group
        path.mkdir(exist_ok=True)
        if (path / "cpuset.cpus").exists() and hierarchy.version == 1:
            for name in ("cpuset.cpus", "cpuset.mems"):
                (path / name).write_text((hierarchy.mountpoint / name).read_text())
            (path / "cgroup.clone_children").write_text("1")


def join(group: str) -> None:
    """Put the calling process into the group in every hierarchy; on a v2-only host into its leaf for plain processes,
    because an inner group with controllers may hold none."""
    for hierarchy in hierarchies():
        leaf = hierarchy.mountpoint / group / "host"
        target = leaf if leaf.is_dir() else hierarchy.mountpoint / group
        (target / "cgroup.procs").write_text(str(os.getpid()))


def mount_view(top: Path, before: list[Hierarchy], *, unified: bool) -> None:
    """In a new mount and cgroup namespace: mount the hierarchies of `before` again at `top`, rooted in the own group.

    The list is from before the namespace's own /sys hid the old mounts. `unified` says whether a v2 hierarchy beside
    v1 ones is mounted too: systemd likes it, libvirt's container driver looks for a v2 group there and fails.
    """
    if any(hierarchy.mountpoint == ROOT and hierarchy.version == 2 for hierarchy in before):
        program("mount", "-t", "cgroup2", "cgroup2", str(top))
        (top / "host").mkdir(exist_ok=True)
        (top / "host" / "cgroup.procs").write_text(str(os.getpid()))
        return
    program("mount", "-t", "tmpfs", "-o", "mode=755", "cgroup", str(top))
    for hierarchy in before:
        place = top / hierarchy.mountpoint.relative_to(ROOT)
        if hierarchy.version == 1:
            place.mkdir(parents=True, exist_ok=True)
            program("mount", "-t", "cgroup", "-o", hierarchy.options, "cgroup", str(place))
        elif unified:
            place.mkdir(parents=True, exist_ok=True)
            program("mount", "-t", "cgroup2", "cgroup2", str(place))


def members(group: str) -> set[int]:
    """Pids of all processes in the group and beneath it, in any hierarchy."""
    pids: set[int] = set()
    for path in _groups(group):
        try:
            pids.update(int(word) for word in (path / "cgroup.procs").read_text().split())
        except (FileNotFoundError, OSError):
            continue
    return pids


def kill(group: str, spare: set[int], seconds: float = 60.0) -> None:
    """SIGKILL all members but `spare`, again and again until none is left; LabError names those that will not go."""
    deadline = time.monotonic() + seconds
    while rest := members(group) - spare:
        for pid in rest:
            kill_pid(pid)
        if time.monotonic() > deadline:
            raise LabError(f"cgroup {group}: these processes do not die: {sorted(rest)}")
        time.sleep(0.01)


def kill_pid(pid: int) -> None:
    """SIGKILL one process; one that is gone already is as good."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def remove(group: str, seconds: float = 60.0) -> None:
    """Remove the group and all beneath it from every hierarchy; the kernel may need a moment after the last exit."""
    deadline = time.monotonic() + seconds
    while left := [path for path in _groups(group) if not _rmdir(path)]:
        if time.monotonic() > deadline:
            raise LabError(f"cgroup {left[0]} cannot be removed; see its cgroup.procs")
        time.sleep(0.02)


def _groups(group: str) -> Iterator[Path]:
    """The group's directories in all hierarchies, the deepest first."""
    for hierarchy in hierarchies():
        for path, _, _ in os.walk(hierarchy.mountpoint / group, topdown=False):
            yield Path(path)


def _rmdir(path: Path) -> bool:
    try:
        path.rmdir()
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
