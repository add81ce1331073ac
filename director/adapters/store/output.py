"""Statements on what belongs to tasks: their output, chunks of bytes at their offsets; and their end."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, select

from director.adapters.store.schema import OUTPUT, TABLES
from director.model.rows import JournalEntry, PlanRow, Task

# made once: each flush of a task's log and each poll of it needs them
_HERE = (OUTPUT.c.task_id == bindparam("task")) & (OUTPUT.c.kind == bindparam("of_kind"))
_END = select(OUTPUT.c.start + OUTPUT.c.size).where(_HERE).order_by(OUTPUT.c.start.desc()).limit(1)
_FIRST = select(func.max(OUTPUT.c.start)).where(_HERE, OUTPUT.c.start <= bindparam("offset"))
_CHUNKS = (
    select(OUTPUT.c.data)
    .where(_HERE, OUTPUT.c.start >= bindparam("first"), OUTPUT.c.start < bindparam("until"))
    .order_by(OUTPUT.c.start)
)
_APPEND = insert(OUTPUT)


def size(connection: Connection, task_id: int, kind: str) -> int:
    """Bytes so far: the end of the last chunk."""
    return connection.execute(_END, {"task": task_id, "of_kind": kind}).scalar_one_or_none() or 0


def append(connection: Connection, task_id: int, kind: str, data: bytes) -> None:
    """Add at the end."""
    start = size(connection, task_id, kind)
    connection.execute(_APPEND, {"task_id": task_id, "kind": kind, "start": start, "size": len(data), "data": data})


def read(connection: Connection, task_id: int, kind: str, offset: int, limit: int | None) -> tuple[bytes, int]:
    """The bytes from ``offset``, at most ``limit``, and the total; only the chunks concerned are read."""
    total = size(connection, task_id, kind)
    if offset >= total:
        return b"", total
    here = {"task": task_id, "of_kind": kind}
    first = connection.execute(_FIRST, {**here, "offset": offset}).scalar_one()
    until = total if limit is None else min(total, offset + limit)
    chunks = connection.execute(_CHUNKS, {**here, "first": first, "until": until}).scalars()
    return b"".join(chunks)[offset - first : until - first], total


def forget(connection: Connection, task_ids: Sequence[int]) -> None:
    """Delete tasks and all that is theirs."""
    ids = list(task_ids)
    journal, tasks, plans = TABLES[JournalEntry], TABLES[Task], TABLES[PlanRow]
    keys = [f"{id:012d}" for id in ids]
    connection.execute(delete(OUTPUT).where(OUTPUT.c.task_id.in_(ids)))
    connection.execute(delete(journal).where(journal.c.task_id.in_(ids)))
    connection.execute(delete(plans).where(plans.c["key"].in_(keys)))
    connection.execute(delete(tasks).where(tasks.c["key"].in_(keys)))
