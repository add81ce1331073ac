"""Removes from nodes what nobody wants any more, for as long as that takes."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from paas.bus.client import Bus, NoAnswerError
from paas.database.engine import Database
from paas.database.outage import DatabaseAwayError
from paas.messages.services import CheckOrphan, NodeHandles
from paas.services.gateway import records
from paas.services.gateway.config import GatewayConfig
from paas.services.gateway.records import Orphan
from paas.services.gateway.south import South

LOOK_SECONDS = 5
GATHER_SECONDS = 5

log = structlog.get_logger("orphans")


class Orphans:
    """`heard` when a node announces itself: what it owes is asked for at once."""

    def __init__(self, config: GatewayConfig, database: Database, bus: Bus, south: South) -> None:
        self._config = config
        self._database = database
        self._bus = bus
        self._south = south
        self._heard: set[str] = set()
        self._due = asyncio.Event()

    def heard(self, node: str) -> None:
        """A node is there."""
        self._heard.add(node)
        self._due.set()

    def wake(self) -> None:
        """There may be something to do."""
        self._due.set()

    async def add(self, node: str, name: str, binding: str = "") -> None:
        """Nobody wants this any more."""
        await self._database.run(lambda tx: records.add_orphan(tx, node, name, binding))
        self._due.set()

    async def work(self) -> None:
        """Until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._due.wait()
            self._due.clear()
            nodes, self._heard = self._heard or {""}, set()
            with contextlib.suppress(DatabaseAwayError):
                for node in nodes:
                    await self._sweep(node)

    async def check(self) -> None:
        """Until cancelled: compare what nodes have with the records."""
        while True:
            await asyncio.sleep(self._config.check_seconds)
            with contextlib.suppress(DatabaseAwayError, NoAnswerError):
                await self.compare()

    async def compare(self) -> None:
        """Report what nodes have and the gateway has no record of. It is only removed where the operator says so: a database that
        was restored from a backup has no record of what was made since, and that is in use."""
        subject = f"{self._config.label}.check_orphan"
        told = await self._bus.gather(subject, CheckOrphan(), NodeHandles, GATHER_SECONDS)
        known = await self._database.run(records.names)
        for node in told:
            for name in node.instances.keys() - known:
                log.warning("instance_unknown", instance=name, node=node.id, purged=self._config.purge_unknown)
                if self._config.purge_unknown:
                    await self.add(node.id, name)

    async def _sweep(self, node: str) -> None:
        lease = self._config.provision_seconds
        due = await self._database.run(lambda tx: records.claim_orphans(tx, lease, node))
        await asyncio.gather(*(self._remove(one) for one in due))

    async def _remove(self, orphan: Orphan) -> None:
        try:
            if orphan.binding:
                answer = await self._south.unbind(orphan.node, orphan.name, orphan.binding)
            else:
                answer = await self._south.unprovision(orphan.node, orphan.name)
        except NoAnswerError:
            return
        if answer.success:
            await self._database.run(lambda tx: records.drop_orphan(tx, orphan.id))
            log.info("orphan_removed", instance=orphan.name, binding=orphan.binding, node=orphan.node)
        else:
            log.warning("orphan_stays", instance=orphan.name, node=orphan.node, error=answer.error)
