"""A lab as an object: make it, find it, run commands in it, take it down."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from lab import cgroups
from lab.errors import LabError
from lab.programs import program
from lab.record import LabRecord, load, new_record, start_time
from lab.removal import remove

TREE = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Lab:
    """A lab that is up. `address` is the host side of its bridge; `libvirt_uri` works inside and outside."""

    record: LabRecord

    @property
    def directory(self) -> Path:
        """Where the lab's files and its record are."""
        return Path(self.record.directory)

    @property
    def libvirt_uri(self) -> str:
        """The container driver of the lab's own libvirtd."""
        return self.record.libvirt_uri

    @property
    def address(self) -> str:
        """Address on the bridge for servers that containers must reach."""
        return self.record.address

    def command(self, argv: list[str]) -> list[str]:
        """The command line that runs `argv` inside the lab; the process keeps its pid."""
        return [sys.executable, "-m", "lab.enter", self.record.directory, *argv]

    def exec(
        self, argv: list[str], *, timeout: float | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run `argv` inside the lab to its end; output is captured. LabError with its words when `check` and it fails."""
        done = subprocess.run(
            self.command(argv), capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=timeout, check=False
        )
        if check and done.returncode != 0:
            raise LabError(f"{' '.join(argv)}: status {done.returncode}: {(done.stderr or done.stdout).strip()}")
        return done

    def keep_disks(self, folder: Path) -> None:
        """Write down a folder of VM disks outside the lab's directory, so that `down` frees their loop devices."""
        record = load(self.directory) or self.record
        if str(folder) not in record.disks:
            replace(record, disks=(*record.disks, str(folder))).save()

    def down(self) -> None:
        """Remove all that the lab made and ran. Doing it twice is fine."""
        remove(self.record)


def up(directory: Path | str, name: str | None = None) -> Lab:
    """Make the lab of `directory`, or give back the one that runs there; remains of a dead one are removed first."""
    top = Path(directory).resolve()
    if os.geteuid() != 0:
        raise LabError("the lab needs root: it makes network and mount namespaces")
    found = load(top)
    if found is not None:
        if found.holder_lives() and start_time(found.libvirtd_pid) is not None:
            if name not in (None, found.name):
                raise LabError(f"{top}: the lab {found.name!r} runs here; take it down before making {name!r}")
            return Lab(found)
        remove(found)
    top.mkdir(parents=True, exist_ok=True)
    record = new_record(top, name or secrets.token_hex(4))
    if Path("/run/netns", record.netns).exists():
        raise LabError(
            f"a network namespace {record.netns} exists already; choose another lab name than {record.name!r}"
        )
    record.save()
    try:
        return Lab(_build(record))
    except BaseException:
        remove(record)
        raise


def open_lab(directory: Path | str) -> Lab:
    """The running lab of `directory`; LabError when there is none."""
    top = Path(directory).resolve()
    record = load(top)
    if record is None or not record.holder_lives():
        raise LabError(f"{top}: no lab runs here; run `python -m lab up --dir {top}`")
    return Lab(record)


def _build(record: LabRecord) -> LabRecord:
    try:
        from lab import network  # libvirt's binding is loaded only where a lab is really made
    except ImportError as error:
        raise LabError(f"{error}; run bin/setup --lab") from error
    cgroups.make(record.cgroup)
    program("ip", "netns", "add", record.netns)
    holder = subprocess.run(
        [sys.executable, "-m", "lab.holder", record.directory],
        cwd=TREE, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False,
    )  # fmt: skip
    if holder.returncode != 0:
        raise LabError(f"lab {record.name}: {holder.stderr.strip()}")
    pid = int(holder.stdout)
    libvirtd = _libvirtd_pid(Path(record.directory))
    full = replace(record, holder_pid=pid, holder_started=start_time(pid) or 0, libvirtd_pid=libvirtd)
    full.save()
    network.start(full)
    return full


def _libvirtd_pid(top: Path) -> int:
    """The daemon's pid; it reports success before its drivers have started, and removes its pid file when one failed."""
    try:
        return int((top / "run" / "libvirtd.pid").read_text())
    except (FileNotFoundError, ValueError):
        log = top / "log" / "libvirtd.log"
        words = "\n".join(log.read_text().splitlines()[-5:]) if log.is_file() else "it left no log"
        raise LabError(f"libvirtd did not start:\n{words}") from None
