"""Settings on an OpenStack config drive."""

from __future__ import annotations

from agent.errors import SettingsError
from agent.settings.medium import by_label, read_from
from agent.settings.source import decode
from agent.shapes import Json


class ConfigDriveSource:
    """Source type ConfigDrive: the first of ``disks`` (devices, labels or folders) that holds ``name``."""

    def __init__(self, disks: list[str], name: str) -> None:
        self._disks = disks
        self._name = name

    @property
    def place(self) -> str:
        return f"config drive {' '.join(self._disks)}"

    def read(self) -> Json:
        failures: list[str] = []
        for disk in self._disks:
            try:
                return decode(read_from(by_label(disk), self._name), f"{disk}:{self._name}")
            except SettingsError as error:
                failures.append(str(error))
        raise SettingsError("; ".join(failures) or f"{self.place}: no disk paths are configured")
