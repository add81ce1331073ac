"""What a cloud records of a VM, in the words that all clouds share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Drive:
    """A disk or a CD in a drive. `file` holds its bytes as the guest shall see them."""

    target: str
    """Its name below /dev in the guest."""
    file: Path
    links: tuple[str, ...] = ()
    """Its names below /dev/disk in the guest, where udev would make them."""


@dataclass(frozen=True)
class Card:
    """A network card, and the cloud's name of the network that it is connected to."""

    mac: str
    network: str


@dataclass(frozen=True)
class Machine:
    """One VM. Memory is in MiB; `root` is the file of its system disk, from which it boots."""

    id: str
    name: str
    """Unlike that of any other VM in the lab."""
    boot: str
    """Another one after each start and reset; empty while the VM is off."""
    cpus: int
    memory: int
    root: Path
    cards: tuple[Card, ...]
    drives: tuple[Drive, ...]


class Source(Protocol):
    """One cloud's record."""

    def machines(self) -> dict[str, Machine]:
        """All VMs that the cloud has now, by their id. OSError while the cloud does not answer."""
        ...

    def wait(self, seconds: float) -> None:
        """Return as soon as the record may have changed, and after so long at the latest."""
        ...

    def ended(self, machine: Machine) -> None:
        """The guest has switched itself off: let the cloud know, unless it has started it anew meanwhile."""
        ...
