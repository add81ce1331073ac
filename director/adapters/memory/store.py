"""A store in dictionaries: nothing of SQL, nothing of disks, and it can be put back to what it was. Rows are kept encoded, so that what is read
is never the caller's own object."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from director.adapters.store.topics import Topics, task_topic, topics_of
from director.model.errors import LeaseLost, RowChanged
from director.model.rows import JournalEntry, PlanRow, Row, Task
from director.ports.store import Changes, Lease

R = TypeVar("R", bound=Row)

_encoder = msgspec.json.Encoder()


@dataclass
class Content:
    """All that a store holds. ``rows``: by type and key, the body and the row as it was written."""

    rows: dict[type[Row], dict[str, tuple[bytes, Row]]] = field(
        default_factory=dict[type[Row], dict[str, tuple[bytes, Row]]]
    )
    leases: dict[str, Lease] = field(default_factory=dict[str, Lease])
    sequences: Counter[str] = field(default_factory=Counter[str])
    output: dict[tuple[int, str], bytes] = field(default_factory=dict[tuple[int, str], bytes])

    def copy(self) -> Content:
        """One that lives on by itself."""
        rows = {kind: dict(table) for kind, table in self.rows.items()}
        return Content(rows, dict(self.leases), Counter(self.sequences), dict(self.output))


class MemoryStore:
    """`Store`. ``now`` is its clock; ``poll`` as of the others. ``content`` may be taken and put back between two calls."""

    def __init__(self, *, now: Callable[[], float] = time.time, poll: float = 5) -> None:
        self._now = now
        self._poll = poll
        self._topics = Topics()
        self.content = Content()

    async def get(self, kind: type[R], key: str) -> R | None:
        await asyncio.sleep(0)
        found = self.content.rows.get(kind.OF or kind, {}).get(key)
        return None if found is None else _decoded(kind, found[0])

    async def find(
        self,
        kind: type[R],
        *,
        newest_first: bool = False,
        limit: int | None = None,
        before: str | None = None,
        **where: str | int | bool | Sequence[str] | None,
    ) -> list[R]:
        for name in where:
            if name not in (kind.OF or kind).INDEXED:
                indexed = (kind.OF or kind).INDEXED
                raise ValueError(f"{kind.__name__} is not searched by {name}; its searched fields are {indexed}")
        await asyncio.sleep(0)
        table = self.content.rows.get(kind.OF or kind, {})
        keys = sorted(
            (
                key
                for key, (_, row) in table.items()
                if (before is None or key < before)
                and all(_matches(getattr(row, name), value) for name, value in where.items())
            ),
            reverse=newest_first,
        )
        return [_decoded(kind, table[key][0]) for key in keys[:limit]]

    async def commit(self, changes: Changes, *, lease: Lease | None = None) -> None:
        for row in changes.put:
            if row.OF is not None:
                raise ValueError(f"{type(row).__name__} is a part of a row: it cannot be written")
        put = [(type(row), row.key, _encoder.encode(row), row) for row in changes.put]
        written = {(kind, key) for kind, key, _, _ in put}
        for kind, key in changes.delete:
            if (kind, key) in written:
                raise ValueError(f"one commit both writes and deletes {kind.__name__} {key}")
        await asyncio.sleep(0)
        if lease is not None:
            self._check(lease)
        for kind, key, wanted in changes.expect:
            found = self.content.rows.get(kind, {}).get(key)
            if (None if found is None else _decoded(kind, found[0])) != wanted:
                raise RowChanged(kind.TABLE, key)
        for kind, key in changes.delete:
            self.content.rows.get(kind, {}).pop(key, None)
        for kind, key, body, row in put:
            self.content.rows.setdefault(kind, {})[key] = (body, row)
        self._topics.tell(topics_of(changes))

    async def next_id(self, sequence: str, count: int = 1) -> int:
        await asyncio.sleep(0)
        self.content.sequences[sequence] += count
        return self.content.sequences[sequence] - count + 1

    async def acquire(self, name: str, owner: str, seconds: float) -> Lease | None:
        await asyncio.sleep(0)
        known, now = self.content.leases.get(name), self._now()
        if known is not None and known.owner != owner and known.expires_at > now:
            return None
        fence = 1 if known is None else known.fence if known.owner == owner else known.fence + 1
        return self._keep(Lease(name, owner, fence, now + seconds))

    async def renew(self, lease: Lease, seconds: float) -> Lease:
        await asyncio.sleep(0)
        known = self.content.leases.get(lease.name)
        if known is None or (known.owner, known.fence) != (lease.owner, lease.fence):
            raise _lost(lease, known)
        return self._keep(Lease(lease.name, lease.owner, lease.fence, self._now() + seconds))

    async def release(self, lease: Lease) -> None:
        await asyncio.sleep(0)
        known = self.content.leases.get(lease.name)
        if known is not None and (known.owner, known.fence) == (lease.owner, lease.fence):
            self._keep(Lease(lease.name, "", lease.fence, 0))
        self._topics.tell((f"lease/{lease.name}", "leases"))

    async def leases(self, prefix: str = "") -> list[Lease]:
        await asyncio.sleep(0)
        now = self._now()
        held = [one for one in self.content.leases.values() if one.expires_at > now and one.name.startswith(prefix)]
        return sorted(held, key=lambda one: one.name)

    async def now(self) -> float:
        await asyncio.sleep(0)
        return self._now()

    async def append_output(self, task_id: int, kind: str, text: str, *, lease: Lease | None = None) -> None:
        await asyncio.sleep(0)
        if lease is not None and text:
            self._check(lease, expired=True)
        if text:
            known = self.content.output.get((task_id, kind), b"")
            self.content.output[task_id, kind] = known + text.encode()
            self._topics.tell((task_topic(task_id),))

    async def read_output(
        self, task_id: int, kind: str, offset: int = 0, limit: int | None = None
    ) -> tuple[bytes, int]:
        await asyncio.sleep(0)
        data = self.content.output.get((task_id, kind), b"")
        return data[offset:] if limit is None else data[offset : offset + limit], len(data)

    async def forget_tasks(self, task_ids: Sequence[int]) -> None:
        await asyncio.sleep(0)
        for kind in (Task, PlanRow, JournalEntry):
            rows = self.content.rows.get(kind, {})
            for key in [key for key in rows if int(key.partition("/")[0]) in task_ids]:
                del rows[key]
        for task_id, name in [one for one in self.content.output if one[0] in task_ids]:
            del self.content.output[task_id, name]

    def follow(self, topic: str) -> AsyncIterator[None]:
        return self._topics.follow(topic, self._poll)

    async def close(self) -> None:
        self._topics.tell_all()

    def _keep(self, lease: Lease) -> Lease:
        self.content.leases[lease.name] = lease
        return lease

    def _check(self, lease: Lease, *, expired: bool = False) -> None:
        """``expired``: one that ran out and that nobody took is good enough."""
        known = self.content.leases.get(lease.name)
        mine = known is not None and (known.owner, known.fence) == (lease.owner, lease.fence)
        if known is None or not mine or (known.expires_at <= self._now() and not expired):
            raise _lost(lease, known)


_decoders: dict[type[Row], msgspec.json.Decoder[Any]] = {}


def _decoded(kind: type[R], body: bytes) -> R:
    if kind not in _decoders:
        _decoders[kind] = msgspec.json.Decoder(kind, strict=False)
    return _decoders[kind].decode(body)


def _matches(value: Any, wanted: str | int | bool | Sequence[str] | None) -> bool:
    if wanted is None or isinstance(wanted, str | int):
        return value == wanted
    return value in wanted


def _lost(lease: Lease, known: Lease | None) -> LeaseLost:
    if known is None or not known.owner:
        held = "nobody holds it now"
    elif (known.owner, known.fence) == (lease.owner, lease.fence):
        held = "its term ran out"
    else:
        held = f"{known.owner} holds it under fence {known.fence}"
    return LeaseLost(f"Lease {lease.name} of {lease.owner} under fence {lease.fence} is lost: {held}")
