"""CIDs out of keys: the caller's key is part of the name, so that nothing is made twice and `find` needs no search."""

from __future__ import annotations

import hashlib
import re
import uuid

LONGEST = 60
"""libvirt puts a domain's name into the path of a Unix socket, which may have 108 characters."""


def cid_of(prefix: str, kind: str, key: str | None) -> str:
    """`PREFIX-KEY`, begun with the kind if the key does not tell it; a digest stands for a key that cannot be a name."""
    name = key or f"{kind}-{uuid.uuid4()}"
    if not name.startswith(kind):
        name = f"{kind}-{name}"
    cid = f"{prefix}-{name}"
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", cid) and len(cid) <= LONGEST:
        return cid
    return f"{prefix}-{kind}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"
