"""How rows become resources."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Row

from paas.cloud_controller.api.call import Call


def when(moment: datetime | None) -> str | None:
    """RFC 3339 in UTC, to the second."""
    return None if moment is None else moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def to_one(guid: str | None) -> dict[str, Any]:
    """A relationship to one other resource, or to none."""
    return {"data": None if guid is None else {"guid": guid}}


def to_many(guids: list[str]) -> dict[str, Any]:
    """A relationship to several others."""
    return {"data": [{"guid": guid} for guid in guids]}


def resource(
    call: Call,
    row: Row[Any],
    path: str,
    fields: dict[str, Any],
    relationships: dict[str, Any] | None = None,
    links: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """A resource at `path`; metadata where its table has them; `links` as paths or as finished links."""
    columns = row._mapping  # pyright: ignore[reportPrivateUsage]: public by SQLAlchemy's documentation
    found: dict[str, Any] = {
        "guid": columns["guid"],
        "created_at": when(columns["created_at"]),
        "updated_at": when(columns["updated_at"]),
        **fields,
    }
    if relationships is not None:
        found["relationships"] = relationships
    if "labels" in columns:
        found["metadata"] = {"labels": columns["labels"], "annotations": columns["annotations"]}
    found["links"] = {"self": call.link(path)}
    for name, target in (links or {}).items():
        found["links"][name] = call.link(target) if isinstance(target, str) else target
    return found
