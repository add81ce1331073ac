"""Sizes as manifests write them: ``64M``, ``1G``."""

from __future__ import annotations

import re

from paas.cloud_controller.api.errors import unprocessable

_SIZE = re.compile(r"^(-?\d+)\s*(B|K|KB|M|MB|G|GB|T|TB)$", re.IGNORECASE)
_FACTORS = {"B": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size_in_bytes(name: str, given: object) -> int:
    """422 names the key."""
    found = _SIZE.match(given.strip()) if isinstance(given, str) else None
    if found is None:
        raise unprocessable(f"{name} must use a supported unit: B, K, KB, M, MB, G, GB, T, or TB")
    return int(found[1]) * _FACTORS[found[2][0].upper()]


def size_in_mb(name: str, given: object) -> int:
    """Whole megabytes, at least one."""
    size = size_in_bytes(name, given) >> 20
    if size < 1:
        raise unprocessable(f"{name} must be greater than 0MB")
    return size


def written(mb: int) -> str:
    """Megabytes as a manifest writes them."""
    return f"{mb}M"
