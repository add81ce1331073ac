"""``fields[x]=name,guid``: parts of resources that are included."""

from __future__ import annotations

from typing import Any

from paas.cloud_controller.api.errors import bad_query


def picked(resource: dict[str, Any], fields: list[str]) -> dict[str, Any]:
    """The resource with these fields only; ``relationships.x`` is one of them."""
    found: dict[str, Any] = {}
    for name in fields:
        target, source = found, resource
        *way, last = name.split(".")
        for part in way:
            source = source.get(part, {})
            target = target.setdefault(part, {})
        if last not in source:
            raise bad_query(f"Fields: '{name}' is not known; known are {', '.join(sorted(resource))}")
        target[last] = source[last]
    return found
