"""What libvirt and the machine themselves say of VMs and disks: asked without any code of the director or the CPI."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import libvirt

from lab.house import Lab


@dataclass(frozen=True)
class Inventory:
    """Everything that VMs and disks consist of on this machine."""

    domains: frozenset[str]
    """All domains that libvirt knows, running or not."""
    vms: frozenset[str]
    """Directories of VMs in the CPI's state directory."""
    disks: dict[str, int]
    """Disks in the CPI's state directory, with the inode of what is there: a disk made anew has another one."""
    loops: tuple[str, ...]
    """Files beneath the state directory that loop devices stand for, one entry per device."""
    mounts: tuple[str, ...]
    """Mount points beneath the state directory in the lab's own mount namespace."""


class Host:
    """One connection to the lab's libvirtd, and an ear for its lifecycle events from the very start."""

    def __init__(self, lab: Lab, state: Path) -> None:
        self._lab = lab
        self.state = state
        self._started: Counter[str] = Counter()
        self._stop = threading.Event()
        libvirt.registerErrorHandler(lambda *_: None, None)
        libvirt.virEventRegisterDefaultImpl()
        self._keep = libvirt.virEventAddTimeout(200, lambda *_: None, None)  # the loop must turn to see the end
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._connection = libvirt.open(lab.libvirt_uri)
        self._callback = self._connection.domainEventRegisterAny(
            None, libvirt.VIR_DOMAIN_EVENT_ID_LIFECYCLE, self._heard, None
        )
        self._thread.start()

    def close(self) -> None:
        if self._stop.is_set():
            return
        self._stop.set()
        self._thread.join(5)
        libvirt.virEventRemoveTimeout(self._keep)
        self._connection.domainEventDeregisterAny(self._callback)
        self._connection.close()

    def starts(self) -> Counter[str]:
        """How often libvirt has started each domain of a name."""
        return Counter(self._started)

    def ids(self) -> dict[str, int]:
        """Numbers of the domains that run: one that is started again has another one."""
        return {domain.name(): domain.ID() for domain in self._connection.listAllDomains() if domain.ID() >= 0}

    def inventory(self) -> Inventory:
        disks = self.state / "disks"
        vms = self.state / "vms"
        return Inventory(
            domains=frozenset(domain.name() for domain in self._connection.listAllDomains()),
            vms=frozenset(path.name for path in vms.iterdir()) if vms.is_dir() else frozenset(),
            disks={path.name: path.stat().st_ino for path in disks.iterdir()} if disks.is_dir() else {},
            loops=tuple(sorted(self._loops())),
            mounts=tuple(sorted(self._mounts())),
        )

    def root(self, cid: str) -> Path:
        """The root directory as the VM's own first process sees it, mounts included."""
        supervisor = self._connection.lookupByName(cid).ID()
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        return Path(f"/proc/{children[0]}/root")

    def process(self, cid: str, word: str) -> int:
        """The process of a VM that has this word in its command line."""
        space = os.readlink(self.root(cid).with_name("ns") / "pid")
        for entry in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if os.readlink(entry / "ns" / "pid") == space and word in (entry / "cmdline").read_text():
                    return int(entry.name)
        raise LookupError(f"no process of {cid} has '{word}' in its command line")

    def path(self, cid: str, path: str) -> Path:
        """A path of the VM (absolute, as its first process sees it) as one of this machine; links are followed inside the VM."""
        root = self.root(cid)
        parts = [part for part in reversed(path.split("/")) if part]
        found = root
        for _ in range(200):
            if not parts:
                return found
            part = parts.pop()
            if part == "..":
                found = found.parent if found != root else root
                continue
            step = found / part
            if step.is_symlink():
                target = str(step.readlink())
                found = root if target.startswith("/") else found
                parts.extend(one for one in reversed(target.split("/")) if one and one != ".")
            else:
                found = step
        raise OSError(f"{path} in {cid}: too many links")

    def _listen(self) -> None:
        while not self._stop.is_set():
            libvirt.virEventRunDefaultImpl()

    def _heard(self, _connection: object, domain: libvirt.virDomain, event: int, _detail: int, _opaque: object) -> None:
        if event == libvirt.VIR_DOMAIN_EVENT_STARTED:
            self._started[domain.name()] += 1

    def _loops(self) -> list[str]:
        found: list[str] = []
        for backing in Path("/sys/block").glob("loop*/loop/backing_file"):
            try:
                file = backing.read_text().strip()
            except OSError:
                continue
            if file.startswith(f"{self.state}/"):
                found.append(file)
        return found

    def _mounts(self) -> list[str]:
        lines = Path(f"/proc/{self._lab.record.holder_pid}/mountinfo").read_text().splitlines()
        points = [line.split()[4] for line in lines]
        return [point for point in points if point.startswith(f"{self.state}/")]
