"""Lists of users and groups, a page at a time, as SCIM has them: ``startIndex`` from 1, ``count``, ``sortBy``, ``sortOrder``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, true
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.uaa.errors import scim
from paas.uaa.filter import Attribute, condition

SCHEMA = "urn:scim:schemas:core:1.0"
MOST = 500
USUAL = 100


@dataclass(frozen=True)
class Page:
    """What was asked for. `shown`: names of the attributes to show; none: all."""

    where: ColumnElement[bool]
    order: list[ColumnElement[Any]]
    start: int
    count: int
    shown: frozenset[str]

    def answer(self, resources: list[dict[str, Any]], total: int) -> Response:
        """The page as JSON."""
        if self.shown:
            resources = [{key: value for key, value in one.items() if key.lower() in self.shown} for one in resources]
        body = {
            "resources": resources,
            "startIndex": self.start,
            "itemsPerPage": self.count,
            "totalResults": total,
            "schemas": [SCHEMA],
        }
        return JSONResponse(body)


def page_of(request: Request, attributes: Mapping[str, Attribute], key: ColumnElement[Any]) -> Page:
    """UaaError 400 says what of the query cannot be. `key` makes the order one that stays."""
    query = request.query_params
    text = query.get("filter", "")
    sort = query.get("sortBy", "").lower()
    if sort and sort not in attributes:
        raise scim(400, "scim", f"sortBy: {sort[:100]} is none of {', '.join(attributes)}")
    by = attributes[sort].column if sort else attributes["created"].column
    falling = query.get("sortOrder", "ascending").lower().startswith("desc")
    names = query.get("attributes", "").replace(",", " ").lower().split()
    return Page(
        where=condition(text, attributes) if text.strip() else true(),
        order=[by.desc() if falling else by, key],
        start=max(1, _number(query.get("startIndex", "1"), "startIndex")),
        count=min(MOST, max(0, _number(query.get("count", str(USUAL)), "count"))),
        shown=frozenset(name.partition(".")[0] for name in names),
    )


def version_of(request: Request, method: str) -> int | None:
    """Of the header ``If-Match``, which a change must have; ``*`` stands for any version: None."""
    given = request.headers.get("if-match", "").strip().strip('"')
    if given == "*":
        return None
    if not given.isascii() or not given.isdigit() or len(given) > 9:
        raise scim(400, "scim", f"Missing If-Match for {method}: give the version that you have, or *")
    return int(given)


def _number(text: str, name: str) -> int:
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit() or len(digits) > 9:
        raise scim(400, "scim", f"{name} must be a number, not {text[:40]!r}")
    return int(text)
