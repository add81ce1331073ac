"""Reading tar archives that may be hostile: one pass, names checked, sizes bounded, gzip checked to its end."""

from __future__ import annotations

import contextlib
import gzip
import tarfile
import zlib
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Protocol

from meristem.formats.errors import FormatError

_GZIP_MAGIC = b"\x1f\x8b"
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Bounds of one archive: members, and bytes after decompression."""

    members: int = 200_000
    total_bytes: int = 64 << 30


@dataclass(frozen=True)
class Refusal:
    """How to word a broken archive: the contract's code and text, the place, the remedy."""

    code: int
    message: str
    place: str
    remedy: str

    def because(self, reason: str) -> FormatError:
        """The error with its reason put after the contract's text."""
        return FormatError(self.code, f"{self.message} ({reason})", place=self.place, remedy=self.remedy)


class Member:
    """One entry: `name` without a leading `./`; its content can be read once, before the next entry is asked for."""

    def __init__(self, name: str, info: tarfile.TarInfo, stream: IO[bytes] | None, refusal: Refusal) -> None:
        self.name = name
        self.info = info
        self._stream = stream
        self._refusal = refusal

    @property
    def is_file(self) -> bool:
        """True for a regular file (not a link)."""
        return self._stream is not None

    def chunks(self) -> Iterator[bytes]:
        """The content piece by piece."""
        with _translated(self._refusal):
            while self._stream and (chunk := self._stream.read(_CHUNK)):
                yield chunk

    def read(self, limit: int) -> bytes:
        """The whole content, refused above `limit` bytes."""
        if self.info.size > limit:
            raise self._refusal.because(f"member '{self.name}' has {self.info.size} bytes, more than {limit}")
        return b"".join(self.chunks())

    def copy_to(self, target: Path) -> None:
        """Writes the content to a new file (never through an existing one or a link)."""
        with target.open("xb") as out:
            for chunk in self.chunks():
                out.write(chunk)


def members(path: Path, refusal: Refusal, limits: Limits | None = None) -> Iterator[Member]:
    """Yields the entries of a .tgz or .tar in file order.

    Refused: no tar, cut short, bad checksum, absolute names, `..`, NUL, names that occur twice, devices and pipes,
    too many or too large members. Links are yielded without a stream; what they point at is the caller's concern.
    """
    bounds = limits or Limits()
    seen: set[str] = set()
    total = 0
    with _translated(refusal), _opened(path) as (archive, raw):
        for info in archive:
            name = safe_name(info.name, refusal)
            total += max(info.size, 0)
            if len(seen) >= bounds.members:
                raise refusal.because(f"more than {bounds.members} members")
            if total > bounds.total_bytes:
                raise refusal.because(f"more than {bounds.total_bytes} bytes when unpacked")
            if not (info.isfile() or info.isdir() or info.islnk() or info.issym()):
                raise refusal.because(f"member '{name}' is a device or pipe")
            if not info.isdir():
                if name in seen:
                    raise refusal.because(f"member '{name}' occurs twice")
                seen.add(name)
            yield Member(name, info, archive.extractfile(info) if info.isfile() else None, refusal)
        # Reading on to the end is what checks gzip's length and checksum.
        while raw.read(_CHUNK):
            pass


def check(path: Path, refusal: Refusal, limits: Limits | None = None) -> int:
    """Reads an archive to its end without unpacking it; returns the number of files."""
    count = 0
    for member in members(path, refusal, limits):
        for _ in member.chunks():
            pass
        count += not member.info.isdir()
    return count


def safe_name(name: str, refusal: Refusal) -> str:
    """A member name as a relative path without `.` parts; refuses what would leave the directory."""
    if name.startswith("/") or "\x00" in name:
        raise refusal.because(f"member name '{name}' is not a relative path")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise refusal.because(f"member name '{name}' leaves the archive's directory")
    return "/".join(parts)


class _Source(Protocol):
    def read(self, size: int = -1, /) -> bytes: ...


@contextlib.contextmanager
def _opened(path: Path) -> Generator[tuple[tarfile.TarFile, _Source]]:
    with contextlib.ExitStack() as stack:
        plain = stack.enter_context(path.open("rb"))
        magic = plain.read(2)
        plain.seek(0)
        packed = magic == _GZIP_MAGIC
        raw = stack.enter_context(gzip.GzipFile(fileobj=plain, mode="rb")) if packed else plain
        yield stack.enter_context(tarfile.open(fileobj=raw, mode="r|")), raw


@contextlib.contextmanager
def _translated(refusal: Refusal) -> Generator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise refusal.because("no such file") from error
    except IsADirectoryError as error:
        raise refusal.because("it is a directory") from error
    except EOFError as error:
        raise refusal.because("the file is cut short") from error
    except (tarfile.TarError, zlib.error, gzip.BadGzipFile) as error:
        raise refusal.because(f"not a readable tar archive: {error}") from error
