"""Settings in a file, such as one that the CPI mounts into a container."""

from __future__ import annotations

from pathlib import Path

from agent.errors import SettingsError
from agent.settings.source import decode
from agent.shapes import Json


class FileSource:
    """Source type File."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def place(self) -> str:
        return f"file {self._path}"

    def read(self) -> Json:
        try:
            return decode(self._path.read_bytes(), self.place)
        except OSError as error:
            raise SettingsError(f"{self.place}: {error.strerror}") from None
