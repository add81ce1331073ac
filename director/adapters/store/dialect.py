"""The few places where databases differ: insert-or-replace, the clock, and how a connection is made."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Engine, Float, Table, create_engine, event, literal_column
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import NullPool, StaticPool

MEMORY = ":memory:"

Now = Callable[[], float]


def insert(name: str, table: Table) -> sqlite.Insert:
    """An insert that knows ``on_conflict_do_update`` (the two dialects' statements have the same shape)."""
    if name == "postgresql":
        return postgresql.insert(table)  # pyright: ignore[reportReturnType]
    return sqlite.insert(table)


def now(name: str) -> ColumnElement[float]:
    """The database's time, epoch seconds."""
    if name == "postgresql":
        return literal_column("CAST(extract(epoch from clock_timestamp()) AS double precision)", Float(53))
    return literal_column("epoch_now()", Float(53))


def open_sqlite(path: Path | str, *, clock: Now | None = None) -> Engine:
    """An engine whose connections are in WAL mode with full sync and explicit transactions; ``clock`` replaces the host's time (tests)."""
    memory = str(path) == MEMORY
    engine = create_engine(
        "sqlite://" if memory else f"sqlite:///{path}",
        poolclass=StaticPool if memory else NullPool,
        connect_args={"check_same_thread": False, "timeout": 30, "isolation_level": None},
    )

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        if not memory:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
        # SQLite's own clock is the host's too, but unixepoch('subsec') needs 3.42; this also lets tests turn the hands
        connection.create_function("epoch_now", 0, clock or time.time)

    @event.listens_for(engine, "begin")
    def _begin(connection: Any) -> None:  # pyright: ignore[reportUnusedFunction]
        read_only = connection.get_execution_options().get("read_only", False)
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine
