"""Figures of the VM's health in the protocol's form: strings, except uptime."""

from __future__ import annotations

import os
from pathlib import Path

from agent.layout import Layout
from agent.shapes import Json

_PROC = Path("/proc")


class Vitals:
    """CPU shares are taken between two calls; the first covers the time since boot."""

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._cpu: list[int] = [0] * 8

    def read(self) -> Json:
        """cpu, mem, swap, load, disk and uptime."""
        memory = self._memory()
        return {
            "cpu": self._processor(),
            "mem": _share(memory["MemTotal"] - memory["MemAvailable"], memory["MemTotal"]),
            "swap": _share(memory["SwapTotal"] - memory["SwapFree"], memory["SwapTotal"]),
            "load": [f"{value:.2f}" for value in os.getloadavg()],
            "disk": self._disks(),
            "uptime": {"secs": int(float((_PROC / "uptime").read_text().split()[0]))},
        }

    def _processor(self) -> Json:
        line = (_PROC / "stat").read_text().split("\n", 1)[0]
        now = [int(field) for field in line.split()[1:9]]
        past, self._cpu = self._cpu, now
        spent = [max(0, new - old) for new, old in zip(now, past)]
        total = sum(spent) or 1
        user, nice, system, _idle, wait, irq, softirq, _steal = spent
        return {
            "user": f"{100 * (user + nice) / total:.1f}",
            "sys": f"{100 * (system + irq + softirq) / total:.1f}",
            "wait": f"{100 * wait / total:.1f}",
        }

    @staticmethod
    def _memory() -> dict[str, int]:
        found = {"MemTotal": 0, "MemAvailable": 0, "SwapTotal": 0, "SwapFree": 0}
        for line in (_PROC / "meminfo").read_text().splitlines():
            name, _, rest = line.partition(":")
            if name in found:
                found[name] = int(rest.split()[0])
        return found

    def _disks(self) -> Json:
        found: Json = {"system": _usage(self._layout.root)}
        if self._layout.data.is_dir():
            found["ephemeral"] = _usage(self._layout.data)
        if os.path.ismount(self._layout.store):
            found["persistent"] = _usage(self._layout.store)
        return found


def _share(used: int, total: int) -> Json:
    return {"kb": str(used), "percent": f"{100 * used / total if total else 0:.0f}"}


def _usage(path: Path) -> Json:
    try:
        figures = os.statvfs(path)
    except OSError:
        return {"percent": "0", "inode_percent": "0"}
    blocks, inodes = figures.f_blocks - figures.f_bfree, figures.f_files - figures.f_ffree
    return {
        "percent": f"{100 * blocks / (blocks + figures.f_bavail) if blocks + figures.f_bavail else 0:.0f}",
        "inode_percent": f"{100 * inodes / figures.f_files if figures.f_files else 0:.0f}",
    }
