"""What a director has written about its tasks: read from its database, which it may have open."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import TypeVar

import msgspec

from director.model.plan import Plan
from director.model.rows import JournalEntry, PlanRow, Row, Task

R = TypeVar("R", bound=Row)


def rows(database: Path, kind: type[R], where: str = "1", *values: object) -> list[R]:
    """Rows of one kind."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30)) as connection:
        found = connection.execute(f"SELECT body FROM {kind.TABLE} WHERE {where}", values)
        return [msgspec.json.decode(body, type=kind, strict=False) for (body,) in found]


def task_times(database: Path, task: int) -> tuple[float, float]:
    """Epoch seconds at which a task began and ended."""
    (row,) = rows(database, Task, "key = ?", f"{task:012d}")
    return row.started_at or 0.0, row.finished_at or 0.0


def plan_of(database: Path, task: int) -> Plan:
    """The plan that a task carried out."""
    (row,) = rows(database, PlanRow, "key = ?", f"{task:012d}")
    return msgspec.json.decode(row.text, type=Plan)


def journal_of(database: Path, task: int) -> list[JournalEntry]:
    """All tries of all steps of a task."""
    return rows(database, JournalEntry, "task_id = ?", task)
