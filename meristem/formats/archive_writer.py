"""Writing archives that are the same bytes for the same content: sorted names, one fixed time, owner 0."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, cast

# 1980-01-01: the earliest time zip tools of packaging scripts accept.
_MTIME = 315532800


def write_tree(root: Path, target: Path, *, compress: bool = True) -> None:
    """Archives all below `root` as `./name` entries; symlinks stay symlinks, modes become 0755 or 0644."""
    with target.open("wb") as raw:
        if compress:
            with gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed:
                _write(root, cast(IO[bytes], packed))
        else:
            _write(root, raw)


def write_members(members: Iterable[tuple[str, Path | bytes]], target: Path, *, compress: bool = True) -> None:
    """Archives named files or bytes in the order given (release.MF comes first that way)."""

    def fill(archive: tarfile.TarFile) -> None:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.mode = 0o644
            info.mtime = _MTIME
            if isinstance(content, bytes):
                info.size = len(content)
                archive.addfile(info, io.BytesIO(content))
                continue
            info.size = content.stat().st_size
            with content.open("rb") as stream:
                archive.addfile(info, stream)

    with target.open("wb") as raw:
        if compress:
            # The members are compressed already; a light pass keeps the outer archive quick.
            with (
                gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as packed,
                tarfile.open(fileobj=packed, mode="w|", format=tarfile.GNU_FORMAT) as archive,
            ):
                fill(archive)
        else:
            with tarfile.open(fileobj=raw, mode="w|", format=tarfile.GNU_FORMAT) as archive:
                fill(archive)


def _write(root: Path, out: IO[bytes]) -> None:
    with tarfile.open(fileobj=out, mode="w|", format=tarfile.GNU_FORMAT) as archive:
        for path in sorted(root.rglob("*")):
            info = archive.gettarinfo(path, "./" + path.relative_to(root).as_posix())
            info.uid = info.gid = 0
            info.uname = info.gname = ""
            info.mtime = _MTIME
            info.type = tarfile.REGTYPE if info.islnk() else info.type
            info.mode = 0o755 if info.isdir() or info.mode & 0o111 else 0o644
            if info.isreg():
                info.size = path.stat().st_size
                with path.open("rb") as stream:
                    archive.addfile(info, stream)
            else:
                archive.addfile(info)
