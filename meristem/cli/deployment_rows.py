"""Cells of deployment listings."""

from __future__ import annotations

from meristem.cli.cells import text
from meristem.formats.values import Value, hashes


def labels(items: Value) -> str:
    """`name/version` per line."""
    return "\n".join(f"{text(item.get('name'))}/{text(item.get('version'))}" for item in hashes(items))
