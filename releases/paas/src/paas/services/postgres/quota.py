"""Watches how large each database is: one over its plan's size is closed to writes until it has shrunk."""

from __future__ import annotations

import asyncio

import psycopg
import structlog

from paas.services.node.instance import Instance
from paas.services.node.service import ServiceError
from paas.services.postgres import database
from paas.services.postgres.engine import Engine

REOPEN = 0.9
"""Share of its quota below which a closed database is opened again: no flutter at the edge."""
MEGABYTE = 2**20

log = structlog.get_logger("quota")


class Quota:
    """`instances` as the node holds them now; `closed`: names of those that are over."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.instances: dict[str, Instance] = {}
        self.closed: set[str] = set()
        self._deleted: dict[str, int] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    def lock(self, name: str) -> asyncio.Lock:
        """Held while anything is changed at that instance."""
        return self._locks.setdefault(name, asyncio.Lock())

    def forget(self, name: str) -> None:
        """The instance is gone."""
        self.instances.pop(name, None)
        self.closed.discard(name)
        self._deleted.pop(name, None)
        self._locks.pop(name, None)

    async def learn(self) -> None:
        """Which are closed since before this process; closed again, as that one may have died half way."""
        self.closed = await database.closed(self._engine)
        for name in self.closed & self.instances.keys():
            await database.close_to_writes(self._engine, self.instances[name])

    async def watch(self, seconds: float) -> None:
        """Look again and again."""
        while True:
            await asyncio.sleep(seconds)
            try:
                await self.look()
            except (ServiceError, psycopg.Error) as error:
                log.warning("quota_not_checked", error=type(error).__name__)

    async def look(self) -> None:
        """One look at all databases."""
        sizes = await database.sizes(self._engine)
        for name in list(self.instances):
            async with self.lock(name):
                if name in self.instances and name in sizes:
                    await self._judge(self.instances[name], sizes[name])

    async def _judge(self, instance: Instance, size: int) -> None:
        limit = instance.size * MEGABYTE
        facts = {"instance": instance.name, "size_mb": size // MEGABYTE, "quota_mb": instance.size}
        if instance.name not in self.closed:
            if size > limit:
                self.closed.add(instance.name)
                await database.close_to_writes(self._engine, instance)
                log.warning("quota_closed", **facts)
        elif size < limit * REOPEN:
            await database.open_to_writes(self._engine, instance)
            self.closed.discard(instance.name)
            log.info("quota_opened", **facts)
        else:
            await self._shrink(instance)

    async def _shrink(self, instance: Instance) -> None:
        deleted = await database.deleted_rows(self._engine, instance.name)
        if deleted != self._deleted.get(instance.name):
            await database.compact(self._engine, instance.name)
            self._deleted[instance.name] = deleted
