"""What the demo keeps on disk, where its parts are, and which processes it started."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from lab.record import start_time

TREE = Path(__file__).resolve().parent.parent.parent
NAME = "demo"
USUAL = Path("/var/lib/meristem") / NAME


@dataclass(frozen=True)
class Process:
    """A process by pid and start time, so that a later one of the same pid is never taken for it."""

    pid: int
    started: int

    def lives(self) -> bool:
        """Whether it still runs."""
        return start_time(self.pid) == self.started

    def end(self, seconds: float = 15) -> None:
        """TERM, then KILL."""
        for sign, wait in ((signal.SIGTERM, seconds), (signal.SIGKILL, 5.0)):
            if not self.lives():
                return
            os.kill(self.pid, sign)
            deadline = time.monotonic() + wait
            while self.lives() and time.monotonic() < deadline:
                time.sleep(0.05)


@dataclass
class Record:
    """``demo.json`` in the demo's directory."""

    directory: Path
    processes: dict[str, Process] = field(default_factory=dict[str, Process])
    ports: dict[str, int] = field(default_factory=dict[str, int])
    tree: str = ""
    stemcell_number: int = 0
    stemcell_sha1: str = ""
    lost: bool = False
    """The lab had to be made anew while the director knows of VMs; the next deploy makes them anew too."""

    @property
    def file(self) -> Path:
        """Where it is kept."""
        return self.directory / "demo.json"

    @property
    def lab(self) -> Path:
        """The lab's directory."""
        return self.directory / "lab"

    @property
    def lab_name(self) -> str:
        """The lab's name: "demo" for the usual directory, with a mark of the directory for any other."""
        if self.directory == USUAL:
            return NAME
        return f"{NAME}-{hashlib.sha256(os.fsencode(self.directory)).hexdigest()[:6]}"

    @property
    def state(self) -> Path:
        """The director's directory."""
        return self.directory / "director"

    @classmethod
    def read(cls, directory: Path) -> Record:
        """The record of an earlier run, or an empty one."""
        record = cls(directory)
        if record.file.is_file():
            data = json.loads(record.file.read_text())
            record.processes = {name: Process(**one) for name, one in data["processes"].items()}
            record.ports = data["ports"]
            record.tree = data.get("tree", "")
            record.stemcell_number = data.get("stemcell_number", 0)
            record.stemcell_sha1 = data.get("stemcell_sha1", "")
            record.lost = data.get("lost", False)
        return record

    def save(self) -> None:
        """Write it by atomic replacement."""
        data = {
            "processes": {name: asdict(one) for name, one in self.processes.items()},
            "ports": self.ports,
            "tree": self.tree,
            "stemcell_number": self.stemcell_number,
            "stemcell_sha1": self.stemcell_sha1,
            "lost": self.lost,
        }
        temporary = self.file.with_suffix(".new")
        temporary.write_text(json.dumps(data, indent=2) + "\n")
        os.replace(temporary, self.file)

    def alive(self, name: str) -> bool:
        """Whether a process of ours runs."""
        return name in self.processes and self.processes[name].lives()

    def keep(self, name: str, process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
        """Note a process that was started."""
        self.processes[name] = Process(process.pid, start_time(process.pid) or 0)
        self.save()

    def end(self, name: str) -> None:
        """End a process of ours, if it runs."""
        process = self.processes.pop(name, None)
        if process is not None:
            process.end()
            self.save()


def default_directory() -> Path:
    """``$MERISTEM_RUN/demo``, by default below /var/lib/meristem."""
    return Path(os.environ.get("MERISTEM_RUN", USUAL.parent)) / NAME
