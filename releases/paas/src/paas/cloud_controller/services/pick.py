"""``fields[x]=name,guid``: parts of resources that are included."""

from __future__ import annotations

from typing import Any


def picked(resource: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """The resource with these fields only; ``relationships.x`` is one of them."""
    found: dict[str, Any] = {}
    for name in fields:
        target, source = found, resource
        *way, last = name.split(".")
        for part in way:
            source = source[part]
            target = target.setdefault(part, {})
        target[last] = source.get(last)
    return found
