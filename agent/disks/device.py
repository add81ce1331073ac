"""From the cloud's hint to a device node."""

from __future__ import annotations

import os
import re
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.errors import AgentError
from agent.shapes import object_or_empty, string_or_empty

TIMEOUT = 30.0
_BY_ID = Path("/dev/disk/by-id")
_BY_PATH = Path("/dev/disk/by-path")
_SYS_BLOCK = Path("/sys/block")
_ID_LENGTH = 20  # virtio serial numbers hold this many characters


@dataclass(frozen=True)
class Hint:
    """What is known of a disk's place. ``unit``: its number on the SCSI bus of the system disk. ``partition`` False: the device itself
    carries the file system."""

    path: str = ""
    volume_id: str = ""
    unit: str = ""
    partition: bool = True


def parse(hint: Any) -> Hint:
    """A hint as the cloud gives it: a path (or volume id, or unit), or an object with path, volume_id or id."""
    if isinstance(hint, str) and hint.isdigit():
        return Hint(unit=hint)
    if isinstance(hint, str):
        return Hint(path=hint, volume_id="" if hint.startswith("/") else hint)
    fields = object_or_empty(hint)
    return Hint(
        path=string_or_empty(fields.get("path")),
        volume_id=string_or_empty(fields.get("volume_id")) or string_or_empty(fields.get("id")),
        partition=fields.get("partition") is not False,
    )


def find(hint: Hint, timeout: float = TIMEOUT) -> Path:
    """The device node, waited for: a disk may appear a moment after the cloud says it is attached."""
    deadline = time.monotonic() + timeout
    while True:
        for candidate in _candidates(hint):
            if is_block(candidate):
                return candidate
        if time.monotonic() > deadline:
            place = hint.path or hint.volume_id or f"at SCSI unit {hint.unit}"
            raise AgentError(f"no block device {place!r} appeared within {timeout:.0f} s after the disk was attached")
        time.sleep(0.2)


def is_block(path: Path) -> bool:
    """True if ``path`` is a block device."""
    try:
        return stat.S_ISBLK(path.stat().st_mode)
    except OSError:
        return False


def number(path: Path) -> tuple[int, int]:
    """Major and minor number of a device node."""
    device = path.stat().st_rdev
    return os.major(device), os.minor(device)


def _candidates(hint: Hint) -> list[Path]:
    found: list[Path] = []
    if hint.unit:
        place = re.compile(rf"-scsi-\d+:\d+:{hint.unit}:0$")
        found += sorted(path for path in _entries(_BY_PATH) if place.search(path.name))
    if hint.volume_id:
        short = hint.volume_id[:_ID_LENGTH]
        # a disk's UUID is its world-wide name too, which is written without dashes
        endings = (short, hint.volume_id, hint.volume_id.replace("-", ""))
        found += sorted(path for path in _entries(_BY_ID) if path.name.endswith(endings))
        for serial in _SYS_BLOCK.glob("*/serial"):
            if serial.read_text().strip() in (short, hint.volume_id):
                found.append(Path("/dev") / serial.parent.name)
    if hint.path.startswith("/dev/"):
        found.append(Path(hint.path))
        if hint.path.startswith("/dev/sd"):
            letter = hint.path[len("/dev/sd") :]
            found += [Path(f"/dev/vd{letter}"), Path(f"/dev/xvd{letter}")]
    return found


def _entries(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []
