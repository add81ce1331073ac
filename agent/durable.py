"""Files that are either the old or the new content after a crash, never half of each."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any


def write_bytes(path: Path, data: bytes, mode: int = 0o600, *, sync: bool = True) -> None:
    """Replace ``path`` atomically; makes the folder if it is absent.

    With ``sync`` it is on the disk when this returns. Without, a crash of the machine may bring the old content back.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(data)
            file.flush()
            if sync:
                os.fsync(descriptor)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    if not sync:
        return
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """As write_bytes, for text."""
    write_bytes(path, text.encode(), mode)


def write_json(path: Path, value: object, mode: int = 0o600, *, sync: bool = True) -> None:
    """As write_bytes, for JSON."""
    write_bytes(path, json.dumps(value, separators=(",", ":")).encode(), mode, sync=sync)


def read_json(path: Path) -> Any:
    """The JSON in ``path``, or None if there is no such file. A malformed file raises ValueError naming it."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    try:
        return json.loads(raw)
    except ValueError as error:
        raise ValueError(f"{path}: not valid JSON ({error})") from None


def same_content(path: Path, data: bytes) -> bool:
    """True if ``path`` already holds ``data``."""
    try:
        return path.read_bytes() == data
    except OSError:
        return False
