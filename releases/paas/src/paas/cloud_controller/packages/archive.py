"""The zip archives of packages: checked, completed with files that the platform has already, and their files listed.

Everything here blocks and runs in a thread.
"""

from __future__ import annotations

import hashlib
import stat
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

LEAST_KEPT = 64 * 1024
MOST_KEPT = 512 * 1024 * 1024
"""Files of these sizes are kept for later packages: bytes."""
CHUNK = 1 << 20


class ArchiveError(Exception):
    """The archive cannot be taken; says why, for the user."""


@dataclass(frozen=True)
class Resource:
    """A file that the platform has already: where it goes in the package, with its mode (as of `stat`)."""

    path: str
    sha1: str
    size: int
    mode: int = 0o644


def check_path(path: str) -> str:
    """The path itself; ArchiveError for one that leads out of the app's folder."""
    pure = PurePosixPath(path.replace("\\", "/"))
    if not path or pure.is_absolute() or ".." in pure.parts or "\0" in path:
        raise ArchiveError(f"the path '{path[:200]}' leads out of the app's folder")
    return path


def check(archive: Path, most_unpacked: int) -> int:
    """The number of files; ArchiveError where it is no zip, is damaged, too large, or leads out of the app's folder."""
    try:
        with zipfile.ZipFile(archive) as opened:
            total = files = 0
            for one in opened.infolist():
                check_path(one.filename)
                total += one.file_size
                files += not one.is_dir()
                if total > most_unpacked:
                    raise ArchiveError(f"it is larger than {most_unpacked} bytes when it is unpacked")
                if stat.S_ISLNK(one.external_attr >> 16):
                    _check_link(opened, one)
            return files
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise ArchiveError(f"it is not a zip archive, or damaged: {error}") from None


def _check_link(archive: zipfile.ZipFile, link: zipfile.ZipInfo) -> None:
    if link.file_size > 4096:
        raise ArchiveError(f"the link '{link.filename}' is too long")
    target = PurePosixPath(archive.read(link).decode(errors="replace"))
    depth = len(PurePosixPath(link.filename).parts) - 1
    if target.is_absolute():
        raise ArchiveError(f"the link '{link.filename}' leads out of the app's folder")
    for part in target.parts:
        depth += -1 if part == ".." else 1
        if depth < 0:
            raise ArchiveError(f"the link '{link.filename}' leads out of the app's folder")


def start_empty(archive: Path) -> None:
    """An archive of nothing, for a package all of whose files the platform has."""
    with zipfile.ZipFile(archive, "w"):
        pass


def add(archive: Path, resource: Resource, content: Path) -> None:
    """Put a file that the platform has into the archive, unless it has one at that path."""
    with zipfile.ZipFile(archive, "a", zipfile.ZIP_DEFLATED, allowZip64=True) as opened:
        name = check_path(resource.path)
        if name in opened.namelist():
            return
        entry = zipfile.ZipInfo(name)
        entry.compress_type = zipfile.ZIP_DEFLATED
        entry.external_attr = (stat.S_IFREG | (resource.mode & 0o777 or 0o644)) << 16
        with content.open("rb") as source, opened.open(entry, "w", force_zip64=True) as target:
            while chunk := source.read(CHUNK):
                target.write(chunk)


def worth_keeping(archive: Path) -> Iterator[tuple[str, int, str]]:
    """Name, size and SHA-1 of each file that may serve later packages."""
    with zipfile.ZipFile(archive) as opened:
        for one in opened.infolist():
            if one.is_dir() or stat.S_ISLNK(one.external_attr >> 16) or not LEAST_KEPT <= one.file_size <= MOST_KEPT:
                continue
            digest = hashlib.sha1(usedforsecurity=False)
            with opened.open(one) as content:
                while chunk := content.read(CHUNK):
                    digest.update(chunk)
            yield one.filename, one.file_size, digest.hexdigest()


def extract(archive: Path, name: str, target: IO[bytes]) -> None:
    """One file's content."""
    with zipfile.ZipFile(archive) as opened, opened.open(name) as content:
        while chunk := content.read(CHUNK):
            target.write(chunk)
