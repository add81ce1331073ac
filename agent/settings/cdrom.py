"""Settings on a CD-ROM (ISO), as vSphere's and libvirt's CPIs attach it."""

from __future__ import annotations

from pathlib import Path

from agent.errors import SettingsError
from agent.settings.medium import read_from
from agent.settings.source import decode
from agent.shapes import Json

DRIVES = ("/dev/sr0", "/dev/sr1", "/dev/cdrom", "/dev/bosh-cdrom")


class CdromSource:
    """Source type CDROM."""

    def __init__(self, name: str, drives: tuple[str, ...] = DRIVES) -> None:
        self._name = name
        self._drives = drives

    @property
    def place(self) -> str:
        return f"CD-ROM file {self._name}"

    def read(self) -> Json:
        for drive in self._drives:
            try:
                return decode(read_from(Path(drive), self._name), f"{drive}:{self._name}")
            except SettingsError:
                continue
        raise SettingsError(f"{self.place}: none of {', '.join(self._drives)} holds it")
