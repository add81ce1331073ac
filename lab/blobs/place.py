"""Where blobs come from and where they are kept."""

from __future__ import annotations

import os
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
RELEASE = TREE / "releases/paas"
ENGINES = Path(__file__).with_name("engines.toml")
DEB_LOCK = RELEASE / "config/engines.lock"
WHEEL_LOCK = RELEASE / "config/python.lock"


def cache() -> Path:
    """``$MERISTEM_CACHE/blobs``, by default below /var/cache/meristem."""
    return Path(os.environ.get("MERISTEM_CACHE", "/var/cache/meristem")) / "blobs"
