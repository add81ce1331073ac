"""One CPI as the CPI config or director.yml names it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from msgspec import Struct, field


class CpiSpec(Struct, frozen=True):
    """``type`` is one of our plugins (then a warm worker runs it) or a foreign CPI (then its executable runs per call).

    ``exec_path`` always means an executable. ``config``: a cpi.json for the worker, below ``properties``.
    """

    name: str
    type: str
    exec_path: str | None = None
    properties: dict[str, Any] = field(default_factory=dict)
    config: Path | None = None
    migrated_from: tuple[str, ...] = ()
