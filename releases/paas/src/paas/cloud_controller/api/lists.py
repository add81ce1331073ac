"""Answers that are lists: filtered, ordered, in pages, with what was asked to be included."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from paas.cloud_controller.api.call import Call, answer
from paas.cloud_controller.api.errors import bad_query

Filter = Callable[[list[str]], sa.ColumnElement[bool]]
Rows = Sequence[sa.Row[Any]]
Present = Callable[[Call, Rows], Awaitable[list[dict[str, Any]]]]
Include = Callable[[Call, Rows], Awaitable[dict[str, list[dict[str, Any]]]]]
FieldInclude = Callable[[Call, Rows, list[str]], Awaitable[dict[str, list[dict[str, Any]]]]]
"""With the fields that were asked for."""


@dataclass(frozen=True)
class Fields:
    """What may be picked of resources that ``fields[x]`` includes: `names`, as ``guid`` or ``relationships.space``."""

    names: tuple[str, ...]
    include: FieldInclude


@dataclass(frozen=True)
class Listing:
    """What may be asked of a list. `filters` beside guids, times and labels, which every table offers."""

    table: sa.Table
    filters: dict[str, Filter] = field(default_factory=dict[str, Filter])
    order: tuple[str, ...] = ()
    """Columns beside created_at and updated_at."""
    includes: dict[str, Include] = field(default_factory=dict[str, Include])
    fields: dict[str, Fields] = field(default_factory=dict[str, Fields])
    """What ``fields[NAME]=a,b`` includes."""
    default_order: str = "created_at"


def among(column: sa.ColumnElement[Any]) -> Filter:
    """The column is one of the values."""
    return lambda values: column.in_(values)


def flag(column: sa.ColumnElement[bool]) -> Filter:
    """``true`` or ``false``."""
    return lambda values: column.is_(values == ["true"])


async def answer_list(call: Call, listing: Listing, select: sa.Select[Any], present: Present) -> Response:
    """The page that was asked for of `select`, which has the table's columns."""
    query = call.query
    _check_includes(call, listing)
    for condition in conditions(listing, query.filters):
        select = select.where(condition)
    counted = select.add_columns(sa.func.count().over().label("total_results_")).order_by(*_order(call, listing))
    page = counted.limit(query.per_page).offset((query.page - 1) * query.per_page)
    rows = (await call.db.execute(page)).all()
    total = rows[0].total_results_ if rows else 0
    if not rows and query.page > 1:
        total = (await call.db.execute(sa.select(sa.func.count()).select_from(select.subquery()))).scalar_one()
    found: dict[str, Any] = {"pagination": pagination(call, total), "resources": await present(call, rows)}
    if included := await included_of(call, listing, rows):
        found["included"] = included
    return answer(found)


def _check_includes(call: Call, listing: Listing) -> None:
    query = call.query
    for value, allowed, name in (
        (query.include, listing.includes, "include"),
        (query.fields, listing.fields, "fields"),
    ):
        if wrong := [one for one in value if one not in allowed]:
            raise bad_query(f"Invalid {name}: '{wrong[0]}'. Valid are: {_quoted(allowed)}")
    for name, wanted in query.fields.items():
        if wrong := [one for one in wanted if one not in listing.fields[name].names]:
            valid = _quoted(listing.fields[name].names)
            raise bad_query(f"Fields valid keys for '{name}' are: {valid}; '{wrong[0]}' is none of them")


async def included_of(call: Call, listing: Listing, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """What ``include`` and ``fields`` ask for beside these rows; 400 for what this list does not know."""
    _check_includes(call, listing)
    found: dict[str, list[dict[str, Any]]] = {}
    for name in dict.fromkeys(call.query.include):
        for kind, resources in (await listing.includes[name](call, rows)).items():
            found.setdefault(kind, []).extend(resources)
    for name, wanted in call.query.fields.items():
        for kind, resources in (await listing.fields[name].include(call, rows, wanted)).items():
            found.setdefault(kind, []).extend(resources)
    return found


def answer_all(call: Call, resources: list[dict[str, Any]]) -> Response:
    """A list that is there already as a whole."""
    query = call.query
    begin = (query.page - 1) * query.per_page
    return answer(
        {"pagination": pagination(call, len(resources)), "resources": resources[begin : begin + query.per_page]}
    )


def pagination(call: Call, total: int) -> dict[str, Any]:
    """Where this page stands, with absolute URLs."""
    query, path = call.query, call.request.url.path

    def to(page: int) -> dict[str, str]:
        return {"href": f"{call.url(path)}?{query.text(page)}"}

    pages = max(1, -(-total // query.per_page))
    return {
        "total_results": total,
        "total_pages": pages,
        "first": to(1),
        "last": to(pages),
        "next": to(query.page + 1) if query.page < pages else None,
        "previous": to(query.page - 1) if query.page > 1 else None,
    }


def _order(call: Call, listing: Listing) -> list[sa.ColumnElement[Any]]:
    query = call.query
    allowed = ("created_at", "updated_at", *listing.order)
    name = query.order_by or listing.default_order
    if name not in allowed:
        raise bad_query(f"Order by can only be: {_quoted(allowed)}")
    column = listing.table.c[name]
    down = query.descending and bool(query.order_by)
    tie = listing.table.c.get("guid")
    columns = [column] if tie is None else [column, tie]
    return [one.desc() if down else one.asc() for one in columns]


def _quoted(names: Iterable[str]) -> str:
    return ", ".join(f"'{name}'" for name in names) or "none"


_TIMES = re.compile(r"^(created_ats|updated_ats)(?:\[(lt|lte|gt|gte)\])?$")


def conditions(listing: Listing, filters: dict[str, list[str]]) -> list[sa.ColumnElement[bool]]:
    """One condition per parameter; 400 for a parameter that this list does not know."""
    found: list[sa.ColumnElement[bool]] = []
    unknown: list[str] = []
    for name, values in filters.items():
        if name in listing.filters:
            found.append(listing.filters[name](values))
        elif name == "guids" and "guid" in listing.table.c:
            found.append(listing.table.c.guid.in_(values))
        elif name == "label_selector" and "labels" in listing.table.c:
            found += [_selector(listing.table.c.labels, one) for one in _selectors(",".join(values))]
        elif times := _TIMES.match(name):
            found.append(_time(listing.table.c[times[1].removesuffix("s")], times[2], values))
        else:
            unknown.append(name)
    if unknown:
        valid = sorted(
            {*listing.filters, "guids", "created_ats", "updated_ats", "label_selector", "page", "per_page", "order_by"}
        )
        raise bad_query(f"Unknown query parameter(s): {_quoted(unknown)}. Valid parameters are: {_quoted(valid)}")
    return found


def _time(column: sa.Column[Any], relation: str | None, values: list[str]) -> sa.ColumnElement[bool]:
    try:
        moments = [datetime.fromisoformat(value) for value in values]
    except ValueError:
        raise bad_query(f"{column.name}s must be RFC 3339 timestamps: '2020-05-26T18:47:01Z'") from None
    if any(moment.tzinfo is None for moment in moments):
        raise bad_query(f"{column.name}s must have a time zone: '2020-05-26T18:47:01Z'")
    second = sa.func.date_trunc("second", column)
    if relation is None:
        return second.in_(moments)
    one = moments[0]
    return {"lt": second < one, "lte": second <= one, "gt": second > one, "gte": second >= one}[relation]


def _selectors(text: str) -> list[str]:
    return [one.strip() for one in re.split(r",(?![^(]*\))", text) if one.strip()]


_SET = re.compile(r"^(?P<key>\S+)\s+(?P<not>not)?in\s*\((?P<values>[^)]*)\)$")
_EQUAL = re.compile(r"^(?P<key>[^!=\s]+)\s*(?P<relation>==?|!=)\s*(?P<value>\S*)$")


def _selector(labels: sa.Column[Any], text: str) -> sa.ColumnElement[bool]:
    if found := _SET.match(text):
        value = labels[found["key"]].astext
        values = [one.strip() for one in found["values"].split(",")]
        return sa.or_(value.is_(None), value.not_in(values)) if found["not"] else value.in_(values)
    if found := _EQUAL.match(text):
        value = labels[found["key"]].astext
        if found["relation"] == "!=":
            return sa.or_(value.is_(None), value != found["value"])
        return value == found["value"]
    if re.match(r"^!?[A-Za-z0-9][A-Za-z0-9_./-]*$", text):
        has = labels.has_key(text.lstrip("!"))
        return sa.not_(has) if text.startswith("!") else has
    raise bad_query(
        f"label_selector: '{text}' is none of key, !key, key=value, key!=value, key in (a,b), key notin (a,b)"
    )
