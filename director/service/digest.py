"""Digests of plain data: the same content gives the same digest, whatever the order of keys."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec


def digest(*values: Any) -> str:
    """SHA-256 hex over the canonical JSON of the values."""
    return hashlib.sha256(msgspec.json.encode(msgspec.to_builtins(values), order="deterministic")).hexdigest()
