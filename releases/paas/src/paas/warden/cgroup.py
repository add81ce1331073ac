"""What a container uses, read from its control group: version 1 (a tree for each controller) and version 2 (one tree)."""

from __future__ import annotations

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path

TREES = Path("/sys/fs/cgroup")


def unified() -> bool:
    """Whether this machine's controllers are in one tree."""
    return (TREES / "cgroup.controllers").exists()


def swap_accounted() -> bool:
    """Whether a limit for memory and swap together can be set."""
    return unified() or (TREES / "memory/memory.memsw.limit_in_bytes").exists()


def trees(path: str) -> list[Path]:
    """Where the group `path` is, in each tree."""
    roots = [TREES] if unified() else [tree for tree in TREES.iterdir() if tree.is_dir() and not tree.is_symlink()]
    return [found for root in roots if (found := root / path).is_dir()]


@dataclass(frozen=True)
class Cgroup:
    """The group `path` below the trees' roots."""

    path: str

    def memory(self) -> int:
        """Bytes in use, without file pages that have not been touched lately."""
        if unified():
            used, idle = _number(self._at("memory.current")), _field(self._at("memory.stat"), "inactive_file")
        else:
            used = _number(self._at("memory/memory.usage_in_bytes"))
            idle = _field(self._at("memory/memory.stat"), "total_inactive_file")
        return max(used - idle, 0)

    def cpu_ns(self) -> int:
        """CPU time in nanoseconds."""
        if unified():
            return _field(self._at("cpu.stat"), "usage_usec") * 1000
        return _number(self._at("cpuacct/cpuacct.usage"))

    def pids(self) -> int:
        """Processes and threads, zombies too."""
        return _number(self._at("pids.current" if unified() else "pids/pids.current"))

    def oom_kills(self) -> int:
        """How often the memory limit killed a process."""
        return _field(self._at("memory.events" if unified() else "memory/memory.oom_control"), "oom_kill")

    def processes(self) -> list[int]:
        """Pids of all processes in it."""
        try:
            text = self._at("cgroup.procs" if unified() else "pids/cgroup.procs").read_text()
        except OSError:
            return []
        # a process outside of the own pid namespace shows as 0, which to signal would mean ourselves
        return [int(pid) for pid in text.split() if pid != "0"]

    def kill(self) -> None:
        """Kill all processes in it."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def remove(self) -> None:
        """Remove the group, and what is below it, from every tree, where no process is in it any more."""
        for top in trees(self.path):
            for directory, _, _ in os.walk(top, topdown=False):
                with contextlib.suppress(OSError):
                    Path(directory).rmdir()

    def _at(self, file: str) -> Path:
        if unified():
            return TREES / self.path / file
        controller, _, name = file.partition("/")
        return TREES / controller / self.path / name


def _number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError):
        return 0


def _field(file: Path, name: str) -> int:
    try:
        lines = file.read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith(f"{name} ")), 0)
