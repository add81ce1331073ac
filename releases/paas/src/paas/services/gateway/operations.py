"""Carries out what was accepted: makes and removes instances, one task each, picked up by another gateway if this one dies."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from paas.bus.client import NoAnswerError, NobodyListensError
from paas.database.engine import Database
from paas.database.outage import DatabaseAwayError
from paas.database.transaction import Transaction
from paas.services.gateway import records
from paas.services.gateway.config import GatewayConfig
from paas.services.gateway.nodes import Nodes
from paas.services.gateway.orphans import Orphans
from paas.services.gateway.records import InstanceRow
from paas.services.gateway.south import South
from paas.services.osb.catalog import Catalog, Plan

AT_ONCE = 8
LOOK_SECONDS = 2

log = structlog.get_logger("gateway")


class Operations:
    """`wake` after an instance was set to be created or deleted."""

    def __init__(
        self, config: GatewayConfig, catalog: Catalog, database: Database, south: South, nodes: Nodes, orphans: Orphans
    ) -> None:
        self._config = config
        self._catalog = catalog
        self._database = database
        self._south = south
        self._nodes = nodes
        self._orphans = orphans
        self._due = asyncio.Event()

    def wake(self) -> None:
        """There is something to do."""
        self._due.set()

    async def work(self) -> None:
        """Until cancelled."""
        turns = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as group:
            while True:
                await turns.acquire()
                if (row := await self._next()) is None:
                    turns.release()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(LOOK_SECONDS):
                            await self._due.wait()
                    continue
                group.create_task(self._do(row)).add_done_callback(lambda _: turns.release())

    async def _next(self) -> InstanceRow | None:
        self._due.clear()
        try:
            return await self._database.run(lambda tx: records.claim(tx, self._config.lease_seconds))
        except DatabaseAwayError:
            return None

    async def _do(self, row: InstanceRow) -> None:
        keeping = asyncio.create_task(self._keep(row))
        try:
            await (self._create(row) if row.state == "creating" else self._delete(row))
        except DatabaseAwayError:
            log.warning("operation_left", instance=row.name)  # its lease ends, and it is begun again
        except Exception:
            log.exception("operation_failed", instance=row.name)
        finally:
            keeping.cancel()

    async def _keep(self, row: InstanceRow) -> None:
        # while this process lives, no other gateway begins the same
        while True:
            await asyncio.sleep(self._config.lease_seconds / 3)
            with contextlib.suppress(DatabaseAwayError):
                await self._database.run(lambda tx: records.claim_again(tx, row, self._config.lease_seconds))

    async def _create(self, row: InstanceRow) -> None:
        plan = self._catalog.find(row.service_id, row.plan_id)
        if plan is None:
            await self._failed(row, "Its plan is no longer offered.")
            return
        # one that was begun goes on where it was begun
        choice = [row.node] if row.node else await self._choose(plan)
        for node in choice:
            if not await self._intend(row, node):
                return
            try:
                answer = await self._south.provision(node, row.name, plan)
            except NobodyListensError:
                self._nodes.gone(node)
                if row.node:
                    # who began may have reached it
                    await self._failed(row, f"Node {node} has gone.", node)
                    return
                continue
            except NoAnswerError:
                self._nodes.gone(node)
                said = f"Node {node} did not answer; what it may have made will be removed."
                await self._failed(row, said, node)
                return
            if answer.error_type == "NoCapacity":
                self._nodes.gone(node)
                continue
            if not answer.success:
                await self._failed(row, answer.error, node)
                return
            await self._created(row, node, answer.credentials)
            return
        await self._failed(row, f"No node has room for plan {plan.name}; ask the operator for more nodes.")

    async def _choose(self, plan: Plan) -> list[str]:
        return await self._nodes.choose(plan.name, plan.size, self._config.discover_seconds)

    async def _intend(self, row: InstanceRow, node: str) -> bool:
        # committed before the node is asked: whoever finds the row knows where there may be something
        until = records.later(self._config.lease_seconds)
        return await self._database.run(lambda tx: records.finish(tx, row, node=node, claimed_until=until))

    async def _created(self, row: InstanceRow, node: str, place: dict[str, object]) -> None:
        async def note(tx: Transaction) -> bool:
            if await records.finish(tx, row, state="ready", description="", place=place):
                return True
            await records.add_orphan(tx, node, row.name)  # it was deleted meanwhile
            return False

        if await self._database.run(note):
            log.info("instance_created", instance=row.name, node=node)
        else:
            self._orphans.wake()

    async def _failed(self, row: InstanceRow, why: str, orphan_of: str = "") -> None:
        log.warning("instance_failed", instance=row.name, why=why)

        async def note(tx: Transaction) -> None:
            await records.finish(tx, row, state="failed", description=why, node="")
            if orphan_of:
                await records.add_orphan(tx, orphan_of, row.name)

        await self._database.run(note)
        self._orphans.wake()

    async def _delete(self, row: InstanceRow) -> None:
        gone = not row.node
        if row.node:
            with contextlib.suppress(NoAnswerError):
                gone = (await self._south.unprovision(row.node, row.name)).success

        async def note(tx: Transaction) -> None:
            await records.forget(tx, row)
            if not gone:
                # nobody gets at it by way of the platform any more; the node removes it once it can
                await records.add_orphan(tx, row.node, row.name)

        await self._database.run(note)
        log.info("instance_deleted", instance=row.name, node=row.node, at_once=gone)
