"""What the plugin made, on disk: one directory and one record for each object, changed under a lock of its own.

STATE/stemcells/CID/{record.json,root/}   STATE/vms/CID/{record.json,...}   STATE/disks/CID/{record.json,disk.raw}
STATE/snapshots/CID/{record.json,disk.raw}   STATE/locks/KIND-CID
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from cpi.contract import Call, CloudError, DeadlineExceeded

FOLDERS = {"stemcell": "stemcells", "vm": "vms", "disk": "disks", "snapshot": "snapshots"}
LOCK_WAIT = 600.0
Fields = dict[str, object]


@dataclass(frozen=True, slots=True)
class Shelf:
    """All objects of one kind below a state directory."""

    state_dir: Path
    kind: str

    def folder(self, cid: str) -> Path:
        """The directory of one object. CIDs come from outside: one that leaves the shelf is refused."""
        if not cid or cid.startswith(".") or "/" in cid or "\0" in cid or len(cid) > 200:
            raise CloudError(f"{cid!r} is not a {self.kind} CID of this CPI")
        return self.state_dir / FOLDERS[self.kind] / cid

    def read(self, cid: str) -> Fields | None:
        """The record, None if there is none."""
        path = self.folder(cid) / "record.json"
        try:
            return cast(Fields, json.loads(path.read_text()))
        except FileNotFoundError:
            return None
        except ValueError as error:
            raise CloudError(f"{path}: the record is damaged: {error}; remove the object by hand") from error

    def write(self, cid: str, record: Fields) -> None:
        """Replace the record; it survives a crash of the machine as old or new."""
        folder = self.folder(cid)
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = folder / ".record.new"
        with new.open("w") as file:
            json.dump(record, file)
            file.flush()
            os.fsync(file.fileno())
        new.rename(folder / "record.json")

    def cids(self) -> list[str]:
        """CIDs of all objects, half-made ones too."""
        try:
            entries = os.listdir(self.state_dir / FOLDERS[self.kind])
        except FileNotFoundError:
            return []
        return sorted(entry for entry in entries if not entry.startswith("."))

    def remove(self, cid: str) -> None:
        """Remove the object's files; the record goes last, so that a crash leaves it to be found again."""
        folder = self.folder(cid)
        for entry in sorted(folder.iterdir()) if folder.exists() else []:
            if entry.name != "record.json":
                shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
        shutil.rmtree(folder, ignore_errors=True)
        if folder.exists():
            raise CloudError(f"{folder}: cannot be removed")

    @contextmanager
    def lock(self, cid: str, call: Call) -> Generator[None]:
        """Hold the object against all other calls, of this and of other processes, dead ones excepted."""
        self.folder(cid)
        locks = self.state_dir / "locks"
        locks.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = locks / f"{self.kind}-{cid}"
        until = time.monotonic() + call.remaining(LOCK_WAIT)
        while True:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.stat(path).st_ino == os.fstat(descriptor).st_ino:
                    break
            except BlockingIOError:
                if time.monotonic() >= until:
                    os.close(descriptor)
                    raise DeadlineExceeded(f"another call holds {self.kind} '{cid}'") from None
            except FileNotFoundError:
                pass
            os.close(descriptor)
            time.sleep(0.01)
        try:
            call.check()
            yield
        finally:
            if not self.folder(cid).exists():
                path.unlink(missing_ok=True)
            os.close(descriptor)


def text(record: Fields, key: str) -> str:
    """A string field, empty if it is not set."""
    value = record.get(key)
    return value if isinstance(value, str) else ""
