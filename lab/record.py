"""What a lab wrote down about itself: enough to find and remove everything that it made, even after a crash."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from lab.errors import LabError

FILE = "lab.json"
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,30}\Z")


@dataclass(frozen=True)
class LabRecord:
    """One lab. Names are settled before anything is made; the two pids are 0 until the process runs."""

    name: str
    directory: str
    netns: str
    """Name of the network namespace, as `ip netns` shows it."""
    cgroup: str
    """Name of the group made at the root of every cgroup hierarchy; all of the lab's processes live beneath it."""
    libvirt_uri: str
    """Works inside and outside the lab: a Unix socket by path."""
    bridge: str
    network: str
    """The libvirt network's name."""
    address: str
    """Address of the lab's host side on the bridge, where the director listens."""
    cidr: str
    holder_pid: int = 0
    holder_started: int = 0
    """Start time of the holder in clock ticks since boot (proc(5), field 22): tells it from a later process of that pid."""
    libvirtd_pid: int = 0
    disks: tuple[str, ...] = ()
    """Folders outside the lab's directory whose files its VMs have as disks."""

    def save(self) -> None:
        """Write the record by atomic replacement."""
        path = Path(self.directory) / FILE
        temporary = path.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(self), indent=2) + "\n")
        os.replace(temporary, path)

    def holder_lives(self) -> bool:
        """Whether the process that keeps the lab's namespaces is still the one that was recorded."""
        return self.holder_pid > 0 and start_time(self.holder_pid) == self.holder_started


def new_record(directory: Path, name: str, cidr: str = "10.77.0.0/24", address: str = "10.77.0.1") -> LabRecord:
    """The record of a lab to be made in `directory`; LabError when the name or the directory cannot serve."""
    if not NAME.match(name):
        raise LabError(f"lab name {name!r}: wanted 1 to 31 of a-z, 0-9 and '-', beginning with a letter or digit")
    socket = directory / "run" / "libvirt-sock"
    if len(os.fsencode(socket)) > 100:
        raise LabError(
            f"lab directory {directory}: too long for a Unix socket below it (108 bytes); choose a shorter one"
        )
    return LabRecord(
        name=name,
        directory=str(directory),
        netns=f"mer-{name}",
        cgroup=f"mer-{name}",
        libvirt_uri=f"lxc:///system?socket={socket}",
        bridge="mer0",
        network="mer0",
        address=address,
        cidr=cidr,
    )


def load(directory: Path) -> LabRecord | None:
    """The record in `directory`, or None where there is none."""
    path = directory / FILE
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        record = LabRecord(**json.loads(text))
        return replace(record, disks=tuple(record.disks))
    except (ValueError, TypeError) as error:
        raise LabError(f"{path}: not a lab record ({error}); remove it when no lab of that directory runs") from error


def start_time(pid: int) -> int | None:
    """Start time of a live process; None when there is none or only its corpse (pid 1 may not reap)."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])
