"""Digest strings: 40 hex = SHA-1, `sha256:<hex>`, `sha512:<hex>`, several joined by `;` (multi-digest)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from meristem.formats.errors import FormatError

_WEAKEST_FIRST = ("sha1", "sha256", "sha512")
_HEX_LENGTH = {"sha1": 40, "sha256": 64, "sha512": 128}
_HEX = re.compile(r"^[0-9a-fA-F]+$")
_CHUNK = 1 << 20


@dataclass(frozen=True)
class Digest:
    """One algorithm and its lower-case hex value."""

    algorithm: str
    hex: str

    def __str__(self) -> str:
        return self.hex if self.algorithm == "sha1" else f"{self.algorithm}:{self.hex}"


def parse(text: str, *, place: str) -> tuple[Digest, ...]:
    """The known digests of a digest string, weakest first.

    Unknown algorithms are passed over beside a known one; alone they are an error (30015), as is malformed hex.
    """
    known: list[Digest] = []
    for part in (piece.strip() for piece in text.split(";")):
        if not part:
            continue
        algorithm, _, value = part.rpartition(":")
        algorithm = algorithm or "sha1"
        if algorithm not in _HEX_LENGTH:
            continue
        if len(value) != _HEX_LENGTH[algorithm] or not _HEX.match(value):
            raise _bad(f"Digest '{part}' is not a {algorithm} value of {_HEX_LENGTH[algorithm]} hex digits", place)
        known.append(Digest(algorithm, value.lower()))
    if not known:
        raise _bad(f"No digest algorithm found that is supported in '{text}'", place)
    return tuple(sorted(known, key=lambda digest: _WEAKEST_FIRST.index(digest.algorithm)))


def strongest(text: str, *, place: str) -> Digest:
    """The strongest known digest of a digest string."""
    return parse(text, place=place)[-1]


def of_bytes(data: bytes, algorithm: str = "sha1") -> Digest:
    """Digest of bytes."""
    return Digest(algorithm, hashlib.new(algorithm, data, usedforsecurity=False).hexdigest())


def of_chunks(chunks: Iterable[bytes], algorithm: str = "sha1") -> Digest:
    """Digest of a stream of chunks."""
    state = hashlib.new(algorithm, usedforsecurity=False)
    for chunk in chunks:
        state.update(chunk)
    return Digest(algorithm, state.hexdigest())


def of_stream(stream: IO[bytes], algorithm: str = "sha1") -> Digest:
    """Digest of an open file, read to its end."""
    return of_chunks(iter(lambda: stream.read(_CHUNK), b""), algorithm)


def of_file(path: Path, algorithm: str = "sha1") -> Digest:
    """Digest of a file's content."""
    with path.open("rb") as stream:
        return of_stream(stream, algorithm)


def verify_file(path: Path, expected: str, *, place: str, code: int = 30015) -> None:
    """Checks a file against the strongest digest in `expected`; raises FormatError(`code`) when it differs."""
    want = strongest(expected, place=place)
    got = of_file(path, want.algorithm)
    if got != want:
        raise FormatError(
            code,
            f"Expected stream to have digest '{want}' but was '{got}'",
            place=place,
            remedy="Fetch or build the file again; it was changed or cut short.",
        )


def verify_bytes(data: bytes, expected: str, *, place: str, code: int = 30015) -> None:
    """As `verify_file`, for bytes in memory."""
    want = strongest(expected, place=place)
    got = of_bytes(data, want.algorithm)
    if got != want:
        raise FormatError(
            code,
            f"Expected stream to have digest '{want}' but was '{got}'",
            place=place,
            remedy="Fetch or build it again; it was changed or cut short.",
        )


def _bad(message: str, place: str) -> FormatError:
    remedy = "Write 40 hex digits, or sha256:<64 hex digits>, or sha512:<128 hex digits>, joined by ';'."
    return FormatError(30015, message, place=place, remedy=remedy)
