"""Names out of keys: the caller's key is part of the name, so that vCenter itself refuses to make a thing twice."""

from __future__ import annotations

import hashlib
import re
import uuid

LONGEST = 60
"""vCenter allows 80 characters; a replica of a stemcell adds its datastore's id."""
NAMESPACE = uuid.UUID("8f7a4f52-6d8c-4b5e-9d2a-3c1f5e7b9a10")


def cid_of(kind: str, key: str | None) -> str:
    """The key, begun with the kind if it does not tell it; a digest stands for a key that cannot be a name."""
    name = key or f"{kind}-{uuid.uuid4()}"
    if not name.startswith(kind):
        name = f"{kind}-{name}"
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) and len(name) <= LONGEST:
        return name
    return f"{kind}-{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def instance_uuid(cid: str) -> str:
    """The instance UUID of the VM of this CID: it is found by it whatever its name is."""
    return str(uuid.uuid5(NAMESPACE, cid))


def readable(cid: str, group: str, deployment: str) -> str:
    """A name for people: `GROUP_DEPLOYMENT_xxxxxxxx`, the same for the same CID."""
    digest = hashlib.sha256(cid.encode()).hexdigest()[:8]
    head = re.sub(r"[^A-Za-z0-9_.-]", "-", f"{group}_{deployment}")[: LONGEST - 9]
    return f"{head}_{digest}"
