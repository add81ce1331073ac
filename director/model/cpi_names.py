"""A CPI may have had other names (``migrated_from`` of the CPI config); rows keep the one under which they were made."""

from __future__ import annotations

from collections.abc import Mapping


def names_of(cpi: str, renamed: Mapping[str, str]) -> tuple[str, ...]:
    """All names of this CPI, the given one first, then the present one. ``renamed``: present names by former ones."""
    present = renamed.get(cpi, cpi)
    return tuple(dict.fromkeys((cpi, present, *(former for former, now in renamed.items() if now == present))))
