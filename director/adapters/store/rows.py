"""Statements on rows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cache
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    Insert,
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
from director.model.errors import RowChanged
from director.model.rows import Row
from director.ports.store import Changes

R = TypeVar("R", bound=Row)

Where = str | int | bool | Sequence[str] | None


def get(connection: Connection, kind: type[R], key: str) -> R | None:
    """The row of this key."""
    body = connection.execute(_by_key(kind), {"wanted": key}).scalar_one_or_none()
    return None if body is None else codec.row(kind, body)


def many(connection: Connection, kind: type[R], statement: Select[Any], *, bounded: bool) -> list[R]:
    """The rows of a query, in its order. SQLite's driver gives way to other threads for each row that it reads, and has to wait for its turn
    each time; so ``bounded`` results are read as one text there."""
    if connection.dialect.name != "sqlite" or not bounded:
        return [codec.row(kind, body) for body in connection.execute(statement).scalars()]
    bodies = statement.subquery()
    # SQLite keeps the order of a subquery for group_concat
    text = connection.execute(select(func.group_concat(bodies.c.body, ","))).scalar_one()
    return codec.rows(kind, text or "")


@cache
def _by_key(kind: type[Row]) -> Select[Any]:
    table = table_of(kind)
    return select(table.c.body).where(table.c["key"] == bindparam("wanted"))


@cache
def _upsert(dialect: str, kind: type[Row]) -> Insert:
    table = table_of(kind)
    statement = insert(dialect, table)
    statement = statement.on_conflict_do_update(
        index_elements=["key"],
        set_={column.name: statement.excluded[column.name] for column in table.c if column.name != "key"},
    )
    # RETURNING makes one statement of many rows. The driver would else send them down a pipeline, and a director that is stopped inside
    # one counts as busy: the server would not end its transaction for being idle
    return statement.returning(table.c["key"]) if dialect == "postgresql" else statement


def query(
    kind: type[Row], *, newest_first: bool, limit: int | None, before: str | None, where: dict[str, Where]
) -> Select[Any]:
    """Bodies by key. Raises ValueError for a field that has no column."""
    table = table_of(kind)
    key = table.c["key"]
    conditions: list[ColumnElement[bool]] = [] if before is None else [key < before]
    choices: dict[str, list[str]] = {}
    for name, value in where.items():
        if name not in (kind.OF or kind).INDEXED:
            indexed = (kind.OF or kind).INDEXED
            raise ValueError(f"{kind.__name__} is not searched by {name}; its searched fields are {indexed}")
        if value is None:
            conditions.append(table.c[name].is_(None))
        elif isinstance(value, str | int):
            conditions.append(table.c[name] == value)
        else:
            choices[name] = list(dict.fromkeys(value))
    if limit is not None and choices:
        return _merged(table, conditions, choices, limit, newest_first=newest_first)
    conditions += [table.c[name].in_(values) for name, values in choices.items()]
    return select(table.c.body).where(*conditions).order_by(_by(key, newest_first)).limit(limit)


def _merged(
    table: Table,
    conditions: list[ColumnElement[bool]],
    choices: dict[str, list[str]],
    limit: int,
    *,
    newest_first: bool,
) -> Select[Any]:
    """The first rows for each value of the narrowest choice, merged. Each part reads its index in the order of keys and stops at the limit;
    asked for all values at once, databases read every row that matches and sort."""
    narrow = min(choices, key=lambda name: len(choices[name]))
    rest = [table.c[name].in_(values) for name, values in choices.items() if name != narrow]
    key = table.c["key"]
    parts = [
        select(
            select(key.label("key"), table.c.body.label("body"))
            .where(table.c[narrow] == value, *conditions, *rest)
            .order_by(_by(key, newest_first))
            .limit(limit)
            .subquery()
        )
        for value in choices[narrow]
    ]
    if not parts:
        return select(table.c.body).where(false())
    merged = union_all(*parts).subquery()
    return select(merged.c.body).order_by(_by(merged.c["key"], newest_first)).limit(limit)


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
            connection.execute(_upsert(connection.dialect.name, kind), list(rows.values()))
