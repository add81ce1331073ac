"""Tables, one per row type: the key, a column per searched field, the row as JSON, and for listings the row without what is large in it."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin, get_type_hints

from sqlalchemy import BigInteger, Boolean, Column, Float, Index, LargeBinary, MetaData, Table, Text
from sqlalchemy.types import TypeEngine

from director.model.briefs import BRIEFS
from director.model.rows import ROWS, Row

HEAD = "0005"

metadata = MetaData()

# keys are compared byte by byte in every database, whatever language it was made for
TEXT = Text().with_variant(Text(collation="C"), "postgresql")


def _column_type(hint: Any) -> TypeEngine[Any]:
    if get_origin(hint) in (Union, types.UnionType):
        hint = next(one for one in get_args(hint) if one is not type(None))
    known: dict[Any, TypeEngine[Any]] = {str: TEXT, int: BigInteger(), bool: Boolean(), float: Float()}
    return known[hint]


def _table(kind: type[Row]) -> Table:
    hints = get_type_hints(kind)
    table = Table(
        kind.TABLE,
        metadata,
        Column("key", TEXT, primary_key=True),
        *(Column(name, _column_type(hints[name]), nullable=True) for name in kind.INDEXED),
        Column("body", TEXT, nullable=False),
        *(Column("brief", TEXT, nullable=True) for brief in BRIEFS if brief.OF is kind),
    )
    for name in kind.INDEXED:
        Index(f"{kind.TABLE}_by_{name}", table.c[name], table.c["key"])
    return table


TABLES: dict[type[Row], Table] = {kind: _table(kind) for kind in ROWS}


def table_of(kind: type[Row]) -> Table:
    """Where rows of this kind, or those of which it is a part, are kept."""
    return TABLES[kind.OF or kind]


LEASES = Table(
    "leases",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("owner", TEXT, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("expires_at", Float(53), nullable=False),
)
Index("leases_by_expires_at", LEASES.c.expires_at)

SEQUENCES = Table(
    "sequences",
    metadata,
    Column("name", TEXT, primary_key=True),
    Column("value", BigInteger, nullable=False),
)

OUTPUT = Table(
    "task_output",
    metadata,
    Column("task_id", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", TEXT, primary_key=True),
    Column("start", BigInteger, primary_key=True, autoincrement=False),
    Column("size", BigInteger, nullable=False),
    Column("data", LargeBinary, nullable=False),
)
