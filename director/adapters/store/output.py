"""Statements on what belongs to tasks: their output, chunks of bytes at their offsets; and their end."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select

from director.adapters.store.schema import OUTPUT, TABLES
from director.model.rows import JournalEntry, PlanRow, Task


def _of(task_id: int, kind: str) -> ColumnElement[bool]:
    return (OUTPUT.c.task_id == task_id) & (OUTPUT.c.kind == kind)


def size(connection: Connection, task_id: int, kind: str) -> int:
    """Bytes so far: the end of the last chunk."""
    end = connection.execute(
        select(OUTPUT.c.start + OUTPUT.c.size).where(_of(task_id, kind)).order_by(OUTPUT.c.start.desc()).limit(1)
    ).scalar_one_or_none()
    return end or 0


def append(connection: Connection, task_id: int, kind: str, data: bytes) -> None:
    """Add at the end."""
    connection.execute(
        insert(OUTPUT).values(
            task_id=task_id, kind=kind, start=size(connection, task_id, kind), size=len(data), data=data
        )
    )


def read(connection: Connection, task_id: int, kind: str, offset: int, limit: int | None) -> tuple[bytes, int]:
    """The bytes from ``offset``, at most ``limit``, and the total; only the chunks concerned are read."""
    total = size(connection, task_id, kind)
    if offset >= total:
        return b"", total
    first = connection.execute(
        select(func.max(OUTPUT.c.start)).where(_of(task_id, kind), OUTPUT.c.start <= offset)
    ).scalar_one()
    statement = select(OUTPUT.c.data).where(_of(task_id, kind), OUTPUT.c.start >= first).order_by(OUTPUT.c.start)
    if limit is not None:
        statement = statement.where(OUTPUT.c.start < offset + limit)
    data = b"".join(connection.execute(statement).scalars())[offset - first :]
    return (data if limit is None else data[:limit]), total


def forget(connection: Connection, task_ids: Sequence[int]) -> None:
    """Delete tasks and all that is theirs."""
    ids = list(task_ids)
    journal, tasks, plans = TABLES[JournalEntry], TABLES[Task], TABLES[PlanRow]
    keys = [f"{id:012d}" for id in ids]
    connection.execute(delete(OUTPUT).where(OUTPUT.c.task_id.in_(ids)))
    connection.execute(delete(journal).where(journal.c.task_id.in_(ids)))
    connection.execute(delete(plans).where(plans.c["key"].in_(keys)))
    connection.execute(delete(tasks).where(tasks.c["key"].in_(keys)))
