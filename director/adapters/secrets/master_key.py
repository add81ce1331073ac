"""The key under which all variables are sealed: a file of mode 0600, made at first start and never again."""

from __future__ import annotations

import base64
import binascii
import os
import secrets
import stat
from pathlib import Path

from director.model.errors import DirectorError, Place

_HEADER = "meristem master key 1"
_BYTES = 32


def load_or_make_key(path: Path) -> bytes:
    """32 bytes. Raises `DirectorError` when the file is readable by others, damaged, or cannot be made."""
    try:
        return _load(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise _fault(path, f"cannot be read: {error.strerror}", "Let the director's user read it.") from error
    try:
        return _make(path)
    except OSError as error:
        raise _fault(path, f"cannot be made: {error.strerror}", "Let the director's user write there.") from error


def _load(path: Path) -> bytes:
    mode = path.stat().st_mode
    if stat.S_IMODE(mode) & 0o077:
        remedy = f"Run: chmod 600 {path} (and ask who has read it meanwhile)."
        raise _fault(path, f"is open to others (mode {stat.S_IMODE(mode):04o})", remedy)
    header, _, body = path.read_text(encoding="ascii", errors="replace").partition("\n")
    try:
        key = base64.b64decode(body.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if header != _HEADER or len(key) != _BYTES:
        raise _fault(path, "is damaged", "Restore it from a backup: without it no stored variable can be read.")
    return key


def _make(path: Path) -> bytes:
    path.parent.mkdir(parents=True, exist_ok=True)
    key = secrets.token_bytes(_BYTES)
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as out:
            out.write(f"{_HEADER}\n{base64.b64encode(key).decode()}\n")
            out.flush()
            os.fsync(out.fileno())
        os.link(draft, path)  # fails when another director was first; its key then holds
    except FileExistsError:
        return _load(path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    return key


def _fault(path: Path, problem: str, remedy: str) -> DirectorError:
    return DirectorError(f"The master key {problem}", code=500000, place=Place(str(path)), remedy=remedy)
