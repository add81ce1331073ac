"""Statements on rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
    Integer,
    Select,
    Table,
    bindparam,
    delete,
    false,
    func,
    select,
    union_all,
)

from director.adapters.store import codec
from director.adapters.store.dialect import insert
from director.adapters.store.schema import table_of
from director.model.briefs import BRIEFS
from director.model.errors import RowChanged
from director.model.rows import Row
from director.ports.store import Changes

R = TypeVar("R", bound=Row)

SHAPES = 512
"""Statements that are kept, far more than the program has."""

Where = str | int | bool | Sequence[str] | None


def get(connection: Connection, kind: type[R], key: str) -> R | None:
    """The row of this key."""
    body = connection.execute(_by_key(kind, connection.dialect.name), {"wanted": key}).scalar_one_or_none()
    return None if body is None else codec.row(kind, body)


def many(connection: Connection, kind: type[R], asked: Query, *, bounded: bool) -> list[R]:
    """The rows of a query, in its order. SQLite's driver gives way to other threads for each row that it reads, and has to wait for its turn
    each time; so ``bounded`` results, and parts of rows, are read as one text there."""
    if connection.dialect.name != "sqlite" or not (bounded or kind.OF):
        bodies = connection.execute(_select(asked.shape, connection.dialect.name), asked.values).scalars()
        return [codec.row(kind, body) for body in bodies]
    text = connection.execute(_together(asked.shape), asked.values).scalar_one()
    return codec.rows(kind, text or "")


@cache
def _by_key(kind: type[Row], dialect: str) -> Select[Any]:
    table = table_of(kind)
    return select(_body(kind, dialect)).where(table.c["key"] == bindparam("wanted"))


def _body(kind: type[Row], dialect: str) -> ColumnElement[str]:
    """What this kind reads of a row. SQLite keeps what listings read a second time, as to cut it out of all rows for each would take long;
    rows that were written before it did are cut there. PostgreSQL, where directors of two versions may write, has the row alone."""
    table = table_of(kind)
    if not kind.WITHOUT or dialect != "sqlite":
        return table.c.body
    return func.coalesce(table.c.brief, _cut(table.c.body, kind)).label("body")


def _cut(body: ColumnElement[str], kind: type[Row]) -> ColumnElement[str]:
    return func.json_remove(body, *(f"$.{path}" for path in kind.WITHOUT))


@cache
def _upsert(dialect: str, kind: type[Row]) -> Insert:
    table = table_of(kind)
    statement = insert(dialect, table)
    if brief := _brief_of(kind, dialect):
        statement = statement.values(brief=_cut(bindparam("whole", type_=table.c.body.type), brief))
    statement = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={column.name: statement.excluded[column.name] for column in table.c if column.name != "key"},
    )
    # RETURNING makes one statement of many rows. The driver would else send them down a pipeline, and a director that is stopped inside
    # one counts as busy: the server would not end its transaction for being idle
    return statement.returning(table.c["key"]) if dialect == "postgresql" else statement


@dataclass(frozen=True)
class Shape:
    """A query without its values. Statements are made once for each: to put one together takes longer than to carry it out.

    ``null``, ``equal`` and ``among`` are the fields that are to be NULL, to have one value, and to have one of several; ``narrow`` is the
    field of ``among`` with the fewest values, ``choices`` their number, when the result is limited.
    """

    kind: type[Row]
    newest_first: bool = False
    limited: bool = False
    before: bool = False
    null: tuple[str, ...] = ()
    equal: tuple[str, ...] = ()
    among: tuple[str, ...] = ()
    narrow: str = ""
    choices: int = 0


@dataclass(frozen=True)
class Query:
    """A shape and what to fill it with."""

    shape: Shape
    values: dict[str, Any]


@cache
def _brief_of(kind: type[Row], dialect: str) -> type[Row] | None:
    return next((one for one in BRIEFS if one.OF is kind and one.WITHOUT), None) if dialect == "sqlite" else None


def query(
    kind: type[Row], *, newest_first: bool, limit: int | None, before: str | None, where: dict[str, Where]
) -> Query:
    """Rows by key. Raises ValueError for a field that has no column."""
    null: list[str] = []
    equal: list[str] = []
    among: dict[str, list[str]] = {}
    values: dict[str, Any] = {"limit": limit, "before": before}
    values = {name: value for name, value in values.items() if value is not None}
    for name, value in where.items():
        if name not in (kind.OF or kind).INDEXED:
            indexed = (kind.OF or kind).INDEXED
            raise ValueError(f"{kind.__name__} is not searched by {name}; its searched fields are {indexed}")
        if value is None:
            null.append(name)
        elif isinstance(value, str | int):
            equal.append(name)
            values[f"of_{name}"] = value
        else:
            among[name] = list(dict.fromkeys(value))
    narrow, choices = "", 0
    if limit is not None and among:
        narrow = min(among, key=lambda name: len(among[name]))
        choices = len(among[narrow])
        values |= {f"choice_{number}": value for number, value in enumerate(among[narrow])}
    values |= {f"of_{name}": chosen for name, chosen in among.items() if name != narrow}
    shape = Shape(
        kind,
        newest_first,
        limit is not None,
        before is not None,
        tuple(sorted(null)),
        tuple(sorted(equal)),
        tuple(sorted(among)),
        narrow,
        choices,
    )
    return Query(shape, values)


@lru_cache(maxsize=SHAPES)
def _select(shape: Shape, dialect: str) -> Select[Any]:
    """Bodies in the order of keys."""
    table = table_of(shape.kind)
    key = table.c["key"]
    conditions: list[ColumnElement[bool]] = [key < bindparam("before")] if shape.before else []
    conditions += [table.c[name].is_(None) for name in shape.null]
    conditions += [table.c[name] == bindparam(f"of_{name}") for name in shape.equal]
    conditions += [
        table.c[name].in_(bindparam(f"of_{name}", expanding=True)) for name in shape.among if name != shape.narrow
    ]
    if shape.narrow:
        return _merged(shape, table, conditions, dialect)
    statement = select(_body(shape.kind, dialect)).where(*conditions).order_by(_by(key, shape.newest_first))
    return statement.limit(bindparam("limit", type_=Integer)) if shape.limited else statement


@lru_cache(maxsize=SHAPES)
def _together(shape: Shape) -> Select[Any]:
    """The bodies with commas between them, in SQLite."""
    bodies = _select(shape, "sqlite").subquery()
    # SQLite keeps the order of a subquery for group_concat
    return select(func.group_concat(bodies.c.body, ","))


def _merged(shape: Shape, table: Table, conditions: list[ColumnElement[bool]], dialect: str) -> Select[Any]:
    """The first rows for each value of the narrowest choice, merged. Each part reads its index in the order of keys and stops at the limit;
    asked for all values at once, databases read every row that matches and sort."""
    key, limit = table.c["key"], bindparam("limit", type_=Integer)
    parts = [
        select(
            select(key.label("key"), _body(shape.kind, dialect).label("body"))
            .where(table.c[shape.narrow] == bindparam(f"choice_{number}"), *conditions)
            .order_by(_by(key, shape.newest_first))
            .limit(limit)
            .subquery()
        )
        for number in range(shape.choices)
    ]
    if not parts:
        return select(table.c.body).where(false())
    merged = union_all(*parts).subquery()
    return select(merged.c.body).order_by(_by(merged.c["key"], shape.newest_first)).limit(limit)


def _by(key: ColumnElement[str], newest_first: bool) -> ColumnElement[str]:
    return key.desc() if newest_first else key.asc()


class Prepared:
    """A commit made ready outside the writer: rows are encoded when the caller hands them over, so that later changes cannot creep in."""

    def __init__(self, changes: Changes) -> None:
        self.puts: dict[type[Row], dict[str, dict[str, Any]]] = defaultdict(dict)
        for row in changes.put:
            if row.OF is not None:
                raise ValueError(f"{type(row).__name__} is a part of a row: it cannot be written")
            self.puts[type(row)][row.key] = codec.columns(row)
        self.deletes: dict[type[Row], list[str]] = defaultdict(list)
        for kind, key in changes.delete:
            if key in self.puts.get(kind, ()):
                raise ValueError(f"one commit both writes and deletes {kind.__name__} {key}")
            self.deletes[kind].append(key)
        self.expect = tuple(changes.expect)

    def write(self, connection: Connection) -> None:
        """Check, then do all of it, inside the transaction of ``connection``. Raises `RowChanged`."""
        for kind, key, wanted in self.expect:
            if get(connection, kind, key) != wanted:
                raise RowChanged(kind.TABLE, key)
        for kind, keys in self.deletes.items():
            table = table_of(kind)
            connection.execute(delete(table).where(table.c["key"].in_(keys)))
        for kind, rows in self.puts.items():
            dialect = connection.dialect.name
            brief = _brief_of(kind, dialect) is not None
            values = [{**one, "whole": one["body"]} if brief else one for one in rows.values()]
            connection.execute(_upsert(dialect, kind), values)
