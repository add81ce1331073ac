"""What the rooms of containers ask of a guest: how the root and the settings get in, and what is left when it is gone."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import libvirt

from cpi.contract import Json
from cpi.libvirt.config import Config
from cpi.libvirt.networks import Card


@dataclass(frozen=True, slots=True)
class GuestSpec:
    """One VM to be made. `folder` is its own directory, `image` the unpacked stemcell; sizes MiB."""

    cid: str
    key: str
    folder: Path
    image: Path
    memory: int
    cpus: int
    cards: tuple[Card, ...]
    settings: Mapping[str, object]


class Guest(Protocol):
    """One kind of guest."""

    def make(self, config: Config, spec: GuestSpec) -> str:
        """Lay out the root, the settings and all else in `spec.folder`; return the domain's XML."""
        ...

    def ready(self, config: Config, cid: str, folder: Path) -> None:
        """Before each start: end stale processes, mount what a restart of the host has unmounted."""
        ...

    def settled(self, started: libvirt.virDomain, seconds: float) -> bool:
        """Whether libvirt knows within `seconds` all that it must of a guest just started."""
        ...

    def cut_power(self, domain_id: int) -> None:
        """End a running guest faster than libvirt does, if there is a way; libvirt then sees it end."""
        ...

    def release(self, config: Config, cid: str, folder: Path, ended: set[int], active: set[int]) -> None:
        """After the end: processes, mounts, loop devices and cgroups. `ended`, `active`: domain ids."""
        ...

    def disk_source(self, file: Path) -> str:
        """The block device or file to attach for a disk."""
        ...

    def free_disk(self, file: Path) -> bool:
        """Give back what disk_source took; False while the guest still uses it."""
        ...

    def grow_disk(self, file: Path) -> None:
        """The file of an attached disk has grown: let the guest see it."""
        ...

    def disk_in_use(self, domain_id: int, target: str, source: str) -> str | None:
        """Where the guest has the disk mounted, None if nowhere."""
        ...

    def still(self, domain_id: int, place: str) -> AbstractContextManager[None]:
        """While inside, the guest's file system mounted at `place` is complete on its disk and does not change."""
        ...

    def has_device(self, domain_id: int, target: str) -> bool:
        """Whether the guest sees /dev/TARGET."""
        ...

    def addresses(self, domain_id: int) -> tuple[str, ...] | None:
        """The addresses that a running guest has given itself; None when they cannot be seen."""
        ...

    def hint(self, target: str) -> Json:
        """How the agent finds the disk."""
        ...
