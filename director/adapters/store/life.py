"""One life of a director: a held lock file proves that every earlier life of the same home is dead."""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Generator
from pathlib import Path
from typing import IO

from director.model.errors import DirectorError


class Life:
    """Held until `close` or the end of the process, however that comes. ``home`` names the directory, ``owner`` this life, ``earlier`` starts
    the names of all of its home's lives."""

    def __init__(self, file: IO[str], home: str) -> None:
        self._file = file
        self.home = home
        self.earlier = f"{home}#"
        self.owner = f"{home}#{secrets.token_hex(6)}"

    @classmethod
    def take(cls, path: Path) -> Life:
        """Raises when another process holds the file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise DirectorError(
                f"Another director runs here: it holds {path}",
                remedy="Stop it first, or give this one a directory of its own.",
            ) from None
        home = file.read().strip()
        if not home:
            home = secrets.token_hex(8)
            file.write(home + "\n")
            file.flush()
            os.fsync(file.fileno())
        return cls(file, home)

    def close(self) -> None:
        self._file.close()


@contextlib.contextmanager
def alone(path: Path) -> Generator[None]:
    """Wait until no other process holds this lock file: directors that start at once make the files they share one after the other."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
