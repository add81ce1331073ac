"""Keys of blobs: ``packages/GUID``, ``droplets/SHA256``, ``buildpacks/GUID``, ``buildpack_cache/APP-STACK``, ``resources/SHA1``."""

from __future__ import annotations

import re

_KEY = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*(?:/[A-Za-z0-9_][A-Za-z0-9._-]*)+")
LONGEST = 250


def checked_key(key: str) -> str:
    """The key itself; ValueError for one that is no ``KIND/NAME`` of letters, digits, points, dashes and underscores."""
    if len(key) > LONGEST or not _KEY.fullmatch(key):
        raise ValueError(f"{key[:80]!r} is no key of a blob: KIND/NAME of letters, digits, '.', '-' and '_'")
    return key
