"""What a job's templates see: its declared properties with their defaults (formats contract §4), still uninterpolated."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, cast

from director.manifest.reader import shown
from director.model.deployment import Document, JobWanted
from director.model.errors import BadRequest, Faults, Place
from director.model.rows import JobRow

BAD_SHAPE = 80009

ABSENT: Any = object()


def visible_properties(row: JobRow, wanted: JobWanted, group: str, *, document: str = "manifest") -> Document:
    """Nested; a declared property without value and default is null, an undeclared one is not visible.

    Raises one `BadRequest` (80009) for values that hide declared properties below them.
    """
    faults = Faults()
    given = wanted.properties or {}
    out: Document = {}
    for name, default in sorted(declared(row).items(), key=lambda item: (item[0].count("."), item[0])):
        path = name.split(".")
        value, blocked = find_property(given, path)
        if blocked is not None:
            faults.add(_hidden(name, ".".join(path[:blocked]), given, path, blocked, wanted, group, document))
            continue
        put(out, path, copy.deepcopy(default) if value is ABSENT or value is None else value)
    faults.settle()
    return out


def declared(row: JobRow) -> dict[str, Any]:
    """Dotted names of a job's spec with their defaults (None for none)."""
    found: Any = row.spec.get("properties")
    if not isinstance(found, dict):
        return {}
    return {
        name: cast(Document, each).get("default") if isinstance(each, dict) else None
        for name, each in cast(Document, found).items()
    }


def find_property(properties: Mapping[str, Any], path: list[str]) -> tuple[Any, int | None]:
    """The value at ``path`` (`ABSENT` when there is none); or how many parts of the path lead to a value that is no hash."""
    here: Any = properties
    for depth, part in enumerate(path):
        if here is None:
            return ABSENT, None
        if not isinstance(here, dict):
            return ABSENT, depth
        if part not in here:
            return ABSENT, None
        here = here[part]
    return here, None


def put(target: Document, path: list[str], value: Any) -> None:
    """Set a nested value; a value above it that is no hash stays."""
    here = target
    for part in path[:-1]:
        below = here.get(part)
        if below is None:
            below = here[part] = {}
        elif isinstance(below, dict):
            below = here[part] = dict(cast(Document, below))
        else:
            return
        here = below
    if value is None and path[-1] in here:
        return
    here[path[-1]] = value


def _hidden(
    name: str, above: str, given: Document, path: list[str], depth: int, wanted: JobWanted, group: str, document: str
) -> BadRequest:
    value, _ = find_property(given, path[:depth])
    message = f"Property '{above}' of job '{wanted.name}' (instance group '{group}') is {shown(value)} where the job declares '{name}'"
    remedy = f"Write '{above}' as a hash."
    if isinstance(value, str) and value.startswith("(("):
        remedy = f"Give the placeholder at '{name}', for example (({value.strip('()')}.{path[-1]}))."
    where = f"/instance_groups/name={group}/jobs/name={wanted.name}/properties/{above.replace('.', '/')}"
    return BadRequest(message, code=BAD_SHAPE, place=Place(document, 0, where), remedy=remedy)
