"""Where the lab keeps what it made: the services' environment and saved databases in the cache, a running lab elsewhere."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

HERE = Path(__file__).resolve().parent
LOCK = HERE / "requirements.lock"
DATABASES_OF = ("databases.py", "identity.py", "stack.py")
"""Modules that decide what a saved template holds."""


def cache() -> Path:
    """`$MERISTEM_CACHE/openstack`, by default below /var/cache/meristem."""
    return Path(os.environ.get("MERISTEM_CACHE", "/var/cache/meristem")) / "openstack"


def state() -> Path:
    """Directory of the lab that runs, unless another is named."""
    return Path(os.environ.get("MERISTEM_OPENSTACK", "/var/lib/meristem/openstack"))


def environment() -> Path:
    """The services' virtual environment; another lock file, another environment."""
    return cache() / f"venv-{_digest(LOCK)}"


def template(port: int, computes: int) -> Path:
    """The databases of a lab as it was when first ready. They hold its ports and hosts."""
    made_by = _digest(LOCK, *(HERE / name for name in DATABASES_OF))
    return cache() / f"template-{port}-{computes}-{made_by}.tar"


def _digest(*files: Path) -> str:
    whole = hashlib.sha256()
    for file in files:
        whole.update(file.read_bytes())
    return whole.hexdigest()[:12]
