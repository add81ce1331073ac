"""Addresses as apps register them: ``host[/path]``, with ``*.`` for all hosts of a domain."""

from __future__ import annotations

from collections.abc import Iterator

MOST = 2048
"""Characters of a URI; a longer one is refused."""


def split_uri(uri: str) -> tuple[str, str] | None:
    """Host and path (``""`` or ``/a/b``), both in small letters as routing knows no case; None where there is no host."""
    if len(uri) > MOST:
        return None
    host, _, path = uri.strip().lower().partition("?")[0].partition("/")
    if not host or not host.isascii() or any(one.isspace() for one in host):
        return None
    path = "/".join(part for part in path.split("/") if part)
    return host, f"/{path}" if path else ""


def patterns(host: str) -> Iterator[str]:
    """What may be registered for `host`, the nearest first: itself, ``*.b.c``, ``*.c``."""
    yield host
    rest = host.removeprefix("*.")
    while "." in rest:
        rest = rest.partition(".")[2]
        yield f"*.{rest}"
