"""Statements on task output: chunks of bytes at their offsets."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Connection, func, insert, select

from director.adapters.store.schema import OUTPUT


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
