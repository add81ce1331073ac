"""The store: rows by key, found by indexed fields, changed in all-or-nothing commits; leases with fencing; task output.

SQLite and PostgreSQL share one adapter, also on ``:memory:``; the twin for proofs is made of dictionaries. The same contract tests run on all.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol, TypeVar

from msgspec import Struct

from director.model.rows import Row

R = TypeVar("R", bound=Row)


class Lease(Struct, frozen=True):
    """A claim on a name by an owner until ``expires_at`` (the store's clock); ``fence`` grows with each new holder."""

    name: str
    owner: str
    fence: int
    expires_at: float


class Changes(Struct, frozen=True):
    """What one commit does: rows to write (insert or replace) and (type, key) pairs to delete; never both for one key.

    ``expect`` are (type, key, row) as they were read, None for no such row: if one differs now, nothing is written and `RowChanged` is raised.
    """

    put: Sequence[Row] = ()
    delete: Sequence[tuple[type[Row], str]] = ()
    expect: Sequence[tuple[type[Row], str, Row | None]] = ()

    def __add__(self, other: Changes) -> Changes:
        return Changes((*self.put, *other.put), (*self.delete, *other.delete), (*self.expect, *other.expect))


class Store(Protocol):
    """All calls may wait for the database; none holds a transaction open between calls."""

    async def get(self, kind: type[R], key: str) -> R | None: ...

    async def find(
        self,
        kind: type[R],
        *,
        newest_first: bool = False,
        limit: int | None = None,
        before: str | None = None,
        **where: str | int | bool | Sequence[str] | None,
    ) -> list[R]:
        """Rows whose indexed fields equal ``where`` (a sequence: any of), by key. ``before`` is a key: rows below it only (paging)."""
        ...

    async def commit(self, changes: Changes, *, lease: Lease | None = None) -> None:
        """All or nothing, durable when it returns. With a lease: raises `LeaseLost` unless it is still held under that fence."""
        ...

    async def next_id(self, sequence: str, count: int = 1) -> int:
        """1, 2, 3, ... per sequence; never given twice. The first of ``count`` in a row."""
        ...

    async def acquire(self, name: str, owner: str, seconds: float) -> Lease | None:
        """Take a free or expired lease (fence + 1), or None. Taking one's own again renews it under the same fence."""
        ...

    async def renew(self, lease: Lease, seconds: float) -> Lease:
        """Raises `LeaseLost` when another holds it."""
        ...

    async def release(self, lease: Lease) -> None: ...

    async def leases(self, prefix: str = "") -> list[Lease]:
        """Those in force, by name."""
        ...

    async def now(self) -> float:
        """The store's clock, epoch seconds: that of ``Lease.expires_at``."""
        ...

    async def append_output(self, task_id: int, kind: str, text: str, *, lease: Lease | None = None) -> None:
        """Add text to a task's output (kind: event, result, debug, cpi). With a lease: raises `LeaseLost` once another has taken
        it."""
        ...

    async def read_output(
        self, task_id: int, kind: str, offset: int = 0, limit: int | None = None
    ) -> tuple[bytes, int]:
        """Bytes from ``offset`` and the total size."""
        ...

    async def forget_tasks(self, task_ids: Sequence[int]) -> None:
        """Delete these tasks with their plans, journals and output, all at once. For tasks that have ended; a few at a time."""
        ...

    def follow(self, topic: str) -> AsyncIterator[None]:
        """Yields at once and after each commit or output that touches the topic: a wake-up, never the truth.

        Topics: a table's name (``tasks``), ``task/7`` (its row, plan, journal and output), ``leases`` and ``lease/<name>`` (a release).
        """
        ...

    async def close(self) -> None: ...
