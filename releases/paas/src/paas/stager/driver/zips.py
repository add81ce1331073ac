"""Unpacks a zip so that nothing of it gets outside of its directory, and not more than was agreed."""

from __future__ import annotations

import os
import shutil
import stat
import zipfile
import zlib
from pathlib import Path

MOST_ENTRIES = 200_000
LONGEST_LINK = 4096
CHUNK = 1 << 20


class ZipRefusedError(Exception):
    """The archive is damaged, or is not taken as it is; says which entry and why."""


def unpack(archive: Path, target: Path, most_bytes: int) -> int:
    """Write the files of `archive` below the directory `target`; the bytes they have. ZipRefusedError leaves a part behind.

    Files, directories and symbolic links that stay inside are taken. Modes are those of the archive, readable by the owner at least.
    """
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = opened.infolist()
            _agree(entries, most_bytes)
            links: list[tuple[str, str]] = []
            written = 0
            for entry in entries:
                name = _inside(entry.filename)
                kind = stat.S_IFMT(entry.external_attr >> 16)
                if entry.flag_bits & 1:
                    raise ZipRefusedError(f"{name}: is encrypted")
                if kind == stat.S_IFLNK:
                    links.append((name, _link(opened, entry)))
                elif entry.is_dir() or kind == stat.S_IFDIR:
                    (target / name).mkdir(parents=True, exist_ok=True)
                elif kind in (0, stat.S_IFREG):
                    written += _file(opened, entry, target / name)
                else:
                    raise ZipRefusedError(f"{name}: neither a file, a directory nor a symbolic link")
            _make_links(target, links)
            return written
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ZipRefusedError(f"no zip that can be read: {error}") from None
    except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
        raise ZipRefusedError(f"{Path(str(error.filename)).name}: stands in it both as a file and as a directory") from None  # fmt: skip


def _agree(entries: list[zipfile.ZipInfo], most_bytes: int) -> None:
    if len(entries) > MOST_ENTRIES:
        raise ZipRefusedError(f"{len(entries)} entries, at most {MOST_ENTRIES} are taken")
    # what a file really has beyond its size in the directory is not read
    total = sum(entry.file_size for entry in entries)
    if total > most_bytes:
        raise ZipRefusedError(f"unpacks to {total >> 20} MB, at most {most_bytes >> 20} MB are taken")


def _inside(name: str) -> str:
    parts = name.split("/")
    if not name or name.startswith("/") or ".." in parts or "\0" in name or "\\" in name:
        raise ZipRefusedError(f"{name!r}: leads out of its directory")
    return name.rstrip("/")


def _file(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, path: Path) -> int:
    path.parent.mkdir(parents=True, exist_ok=True)
    with opened.open(entry) as reading, path.open("wb") as writing:
        shutil.copyfileobj(reading, writing, CHUNK)
    mode = entry.external_attr >> 16
    path.chmod((mode & 0o777 if mode else 0o644) | 0o600)
    return entry.file_size


def _link(opened: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    if not 0 < entry.file_size <= LONGEST_LINK:
        raise ZipRefusedError(f"{entry.filename}: no symbolic link has {entry.file_size} bytes")
    return os.fsdecode(opened.read(entry))


def _make_links(target: Path, links: list[tuple[str, str]]) -> None:
    """All at the end, so that no file is written through one; where each leads is known only when all are there."""
    root = target.resolve()
    for name, to in links:
        path = target / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink():
            path.unlink()
        os.symlink(to, path)
    for name, to in links:
        # what does not exist is resolved as far as it does
        found = Path(os.path.realpath(target / name))
        if os.path.isabs(to) or (found != root and root not in found.parents):
            for each, _ in links:
                (target / each).unlink(missing_ok=True)
            raise ZipRefusedError(f"{name}: a symbolic link that leads out, to {to!r}")
