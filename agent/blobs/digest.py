"""Digest strings: ``hex`` (SHA-1) or ``algorithm:hex``, several joined with ``;``. The strongest counts."""

from __future__ import annotations

import hashlib
from pathlib import Path

from agent.errors import ArgumentError, DigestMismatch

_STRENGTH = ("sha1", "sha256", "sha512")
_CHUNK = 1 << 18


def strongest(digest: str) -> tuple[str, str]:
    """``(algorithm, hex)`` of the strongest form in ``digest``; ArgumentError if none is known."""
    best: tuple[str, str] | None = None
    for form in digest.split(";"):
        algorithm, _, value = form.strip().rpartition(":")
        algorithm = algorithm or "sha1"
        known = algorithm in _STRENGTH and len(value) == hashlib.new(algorithm).digest_size * 2
        if known and (best is None or _STRENGTH.index(algorithm) > _STRENGTH.index(best[0])):
            best = (algorithm, value.lower())
    if best is None:
        raise ArgumentError(f"digest {digest!r:.200}: expected hex, sha1:hex, sha256:hex or sha512:hex joined with ;")
    return best


def hex_of(path: Path, algorithm: str) -> str:
    """The digest of a file, read in pieces."""
    return _read(path, algorithm)[0]


def of_file(path: Path) -> str:
    """The digest string for a blob that this agent made: SHA-1, which every director knows, and SHA-512."""
    sha1, sha512 = _read(path, "sha1", "sha512")
    return f"{sha1};sha512:{sha512}"


def _read(path: Path, *algorithms: str) -> list[str]:
    states = [hashlib.new(algorithm) for algorithm in algorithms]
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):
            for state in states:
                state.update(chunk)
    return [state.hexdigest() for state in states]


def verify(path: Path, digest: str, what: str) -> None:
    """Raise DigestMismatch, naming ``what``, unless the file has ``digest``."""
    algorithm, wanted = strongest(digest)
    found = hex_of(path, algorithm)
    if found != wanted:
        raise DigestMismatch(f"{what}: expected {algorithm} digest {wanted}, the content has {found}")
