"""Who the bus lets in: in the file of a server on this machine, or in the store for the sync process beside each server of a cluster."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import structlog

from director.adapters.bus.users import UsersFile
from director.model.errors import DirectorError, Place, RowChanged
from director.model.rows import BusAgentRow, BusNodeRow, BusRow, Row
from director.ports.store import Changes, Store

NODE = "bus-node/"
WAIT = 20.0
SETTLED_AFTER = 7 * 24 * 3600.0

_log = structlog.get_logger(__name__)


class Admission(Protocol):
    """Each call returns when it is in force."""

    async def replace(self, agent_ids: Sequence[str]) -> None:
        """These are known at the director's start."""
        ...

    async def admit(self, agent_ids: Sequence[str]) -> None: ...

    async def expel(self, agent_ids: Sequence[str]) -> None: ...


class FileAdmission:
    """By the users file of one server, which is told to reload."""

    def __init__(self, users: UsersFile) -> None:
        self._users = users

    async def replace(self, agent_ids: Sequence[str]) -> None:
        await asyncio.to_thread(self._users.replace, agent_ids)

    async def admit(self, agent_ids: Sequence[str]) -> None:
        await asyncio.to_thread(self._users.admit, agent_ids)

    async def expel(self, agent_ids: Sequence[str]) -> None:
        await asyncio.to_thread(self._users.expel, agent_ids)


class StoredAdmission:
    """By rows that sync processes follow. A server counts while its sync process holds the lease ``bus-node/<name>``; admitting waits until all
    that count have told their server, at most ``wait`` seconds, and goes on then if one has: a client that one server refuses tries the next."""

    def __init__(self, store: Store, *, wait: float = WAIT, now: Callable[[], float] = time.time) -> None:
        self._store = store
        self._wait = wait
        self._now = now
        self._in: set[str] = set()

    async def replace(self, agent_ids: Sequence[str]) -> None:
        """Rows of agents that came to nothing go after a week; others may be about to be used by a task."""
        rows = {row.agent_id: row for row in await self._store.find(BusAgentRow)}
        limit = self._now() - SETTLED_AFTER
        known = set(agent_ids)
        stale = [one for one, row in rows.items() if one not in known and row.admitted_at < limit]
        await self._change(put=known - rows.keys(), delete=stale)

    async def admit(self, agent_ids: Sequence[str]) -> None:
        """Raises `DirectorError` when no server has been told in time."""
        wanted = set(agent_ids) - self._in
        if not wanted:
            return
        rows = {row.agent_id for row in await self._store.find(BusAgentRow)}
        await self._until(await self._change(put=wanted - rows))
        self._in |= wanted

    async def expel(self, agent_ids: Sequence[str]) -> None:
        """In force soon: nobody waits for it."""
        self._in.difference_update(agent_ids)
        found = [one for one in agent_ids if await self._store.get(BusAgentRow, one) is not None]
        await self._change(delete=found)

    async def _change(self, *, put: Iterable[str] = (), delete: Iterable[str] = ()) -> int:
        """The revision of which the servers must have been told."""
        new = [BusAgentRow(agent_id=one, admitted_at=self._now()) for one in put]
        gone: list[tuple[type[Row], str]] = [(BusAgentRow, one) for one in delete]
        while True:
            before = await self._store.get(BusRow, "bus")
            revision = before.revision if before is not None else 0
            if not new and not gone:
                return revision
            after = BusRow(revision=revision + 1)
            try:
                await self._store.commit(Changes([*new, after], gone, [(BusRow, after.key, before)]))
            except RowChanged:
                continue
            return after.revision

    async def _until(self, revision: int) -> None:
        late: list[str] = []
        told = False
        try:
            async with asyncio.timeout(self._wait):
                async for _ in self._store.follow(BusNodeRow.TABLE):
                    alive = {one.name.removeprefix(NODE) for one in await self._store.leases(NODE)}
                    rows = {row.name: row.revision for row in await self._store.find(BusNodeRow)}
                    late = sorted(one for one in alive if rows.get(one, 0) < revision)
                    told = any(rows.get(one, 0) >= revision for one in alive)
                    if told and not late:
                        return
        except TimeoutError:
            if told:
                _log.warning("servers of the bus do not know the newest agents", servers=late)
                return
            raise DirectorError(
                f"No server of the bus has let the new agents in within {self._wait:g} seconds",
                place=Place(path="/meristem/nats/sync"),
                remedy=f"Run `meristem director bus-sync` beside each server; behind are: {', '.join(late) or 'none runs'}.",
            ) from None
