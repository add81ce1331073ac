"""What is known of a container, kept on disk so that a new warden finds it; and where its files lie."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from paas.containers.protocol import Bind, Egress, Limits, Port, State


class Record(msgspec.Struct, kw_only=True):
    """One container. `slot` numbers its addresses; `boot` is the boot of the machine that it belongs to; `pid` its init's."""

    handle: str
    owner: str
    rootfs: str
    hostname: str
    limits: Limits
    binds: list[Bind]
    egress: list[Egress]
    properties: dict[str, str]
    slot: int
    disk: Literal["loop", "directory"]
    created_at: float
    boot: str
    state: State = "creating"
    pid: int = 0
    ports: list[Port] = []
    next_process: int = 1
    closed: bool = False


@dataclass(frozen=True)
class Place:
    """Where the files of one container lie."""

    directory: Path

    @property
    def record(self) -> Path:
        """Its record."""
        return self.directory / "record.json"

    @property
    def image(self) -> Path:
        """The file that holds its writable layer."""
        return self.directory / "disk.img"

    @property
    def disk(self) -> Path:
        """Where that is mounted."""
        return self.directory / "disk"

    @property
    def rootfs(self) -> Path:
        """The container's root."""
        return self.directory / "rootfs"

    @property
    def etc(self) -> Path:
        """Its own files of ``/etc``."""
        return self.directory / "etc"

    @property
    def processes(self) -> Path:
        """A directory for each process."""
        return self.directory / "processes"

    def save(self, record: Record) -> None:
        """Write the record so that it is there whole or not at all."""
        fresh = self.record.with_suffix(".new")
        with fresh.open("wb") as file:
            file.write(msgspec.json.encode(record))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self.record)

    def load(self) -> Record | None:
        """The record, or None where there is none that can be read."""
        try:
            return msgspec.json.decode(self.record.read_bytes(), type=Record)
        except (OSError, msgspec.MsgspecError):
            return None


def boot_id() -> str:
    """Names this boot of the machine."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
