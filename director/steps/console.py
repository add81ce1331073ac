"""The end of a console, fit to be shown: plain lines, few, and without what may be a secret."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

LINES, WIDTH = 20, 200
HIDDEN = "<redacted>"
_ESCAPES = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_PEM = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?(-----END \1-----|\Z)", re.DOTALL)
_NAMED = re.compile(
    r"(?i)((?:pass(?:word|wd|phrase)?|secret|token|credentials?|private[_-]?key|api[_-]?key|authorization)[\w-]*[\"']?\s*[:=]\s*[\"']?)"
    r"(?:bearer\s+|basic\s+)?[^\s\"',;]+"
)
_IN_URL = re.compile(r"(?<=://)([^/\s:@]*):[^/\s@]+(?=@)")
_LONG = re.compile(r"[A-Za-z0-9+/=_-]{40,}")
"""Keys and certificates whose beginning was cut off, tokens."""
_SHORTEST = 4


def tail(text: str, secrets: frozenset[str] = frozenset()) -> list[str]:
    """The last lines that say something, each cut to a width."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    plain = _CONTROLS.sub("", _ESCAPES.sub("", text))
    plain = _PEM.sub(HIDDEN, plain)
    plain = _NAMED.sub(rf"\1{HIDDEN}", plain)
    plain = _LONG.sub(HIDDEN, _IN_URL.sub(rf"\1:{HIDDEN}", plain))
    lines = [line.rstrip() for line in plain.splitlines() if line.strip()]
    return [line[:WIDTH] for line in lines[-LINES:]]


def opened(closed: Any, open: Any) -> frozenset[str]:
    """The texts of a document that were put in place of variables, whole and line by line."""
    return frozenset(one for one in _changed(closed, open) if len(one) >= _SHORTEST)


def _changed(closed: Any, open: Any) -> Iterator[str]:
    if closed == open:
        return
    if isinstance(open, dict):
        for key, value in open.items():
            yield from _changed(closed.get(key) if isinstance(closed, dict) else None, value)
    elif isinstance(open, list | tuple):
        for place, value in enumerate(open):
            same = isinstance(closed, list | tuple) and place < len(closed)
            yield from _changed(closed[place] if same else None, value)
    elif open is not None and not isinstance(open, bool):
        yield str(open)
        yield from (line.strip() for line in str(open).splitlines())
