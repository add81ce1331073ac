"""Takes a lab down by its record alone, whatever state a crash left it in."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from lab import cgroups, loops
from lab.errors import LabError
from lab.holder import OWN_DIRECTORIES
from lab.programs import program
from lab.record import FILE, LabRecord, load


def remove(record: LabRecord) -> None:
    """Kill all processes of the lab, free its loop devices, remove its network namespace, cgroups and files.

    Mounts of the lab live in its mount namespace and end with its last process; bridges end with the network namespace.
    What others put into the lab's directory stays.
    """
    record = load(Path(record.directory)) or record  # it may have grown since the caller read it
    own = _own_line()
    if os.getpid() in cgroups.members(record.cgroup):
        raise LabError(f"lab {record.name}: this process runs inside the lab; take it down from outside")
    cgroups.kill(record.cgroup, spare=own)
    for pid in _inside(record.netns) - own:
        cgroups.kill_pid(pid)
    for folder in (record.directory, *record.disks):
        loops.free(Path(folder))
    if Path("/run/netns", record.netns).exists():
        program("ip", "netns", "del", record.netns)
    _leave_netns_folder()
    cgroups.remove(record.cgroup)
    top = Path(record.directory)
    for name in OWN_DIRECTORIES:
        shutil.rmtree(top / name, ignore_errors=True)
    (top / FILE).unlink(missing_ok=True)


def _leave_netns_folder() -> None:
    """Undo the mount of /run/netns onto itself that `ip netns add` makes with the first name, once no name is left.

    The next `ip netns add` makes it again; the unmount fails harmlessly where a name was added in between.
    """
    folder = Path("/run/netns")
    mounts = (line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines())
    if folder.is_dir() and not any(folder.iterdir()) and str(folder) in mounts:
        subprocess.run(["umount", str(folder)], capture_output=True, check=False)


def _inside(netns: str) -> set[int]:
    """Pids of processes whose network namespace is the named one (some may have entered without joining the cgroup)."""
    try:
        wanted = Path("/run/netns", netns).stat()
    except FileNotFoundError:
        return set()
    found: set[int] = set()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                status = (process / "ns" / "net").stat()
            except OSError:
                continue
            if (status.st_dev, status.st_ino) == (wanted.st_dev, wanted.st_ino):
                found.add(int(process.name))
    return found


def _own_line() -> set[int]:
    """This process and its ancestors."""
    line: set[int] = set()
    pid = os.getpid()
    while pid > 1:
        line.add(pid)
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except FileNotFoundError:
            break
    return line
