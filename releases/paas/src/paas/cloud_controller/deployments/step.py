"""Moves deployments on: a new instance runs and is routed, then an old one goes, then the next new one comes."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from paas.bus.client import NoAnswerError
from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.deployments.begin import canaries
from paas.cloud_controller.deployments.end import canceled, finish
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.processes.scale import set_instances
from paas.cloud_controller.processes.stats import find_instances
from paas.cloud_controller.schema import deployments, processes
from paas.database.transaction import Transaction

log = structlog.get_logger("deployments")

LEASE_SECONDS = 15


class Mover:
    """One per process with role ``clock``; of several, one at a time moves a deployment."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._seen: dict[str, float] = {}
        """Instance -> since when it was seen to run."""

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            try:
                await self._round()
            except (SQLAlchemyError, NoAnswerError, ApiError) as error:
                log.warning("deployments_interrupted", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._platform.config.intervals.deployment):
                    await stop.wait()

    async def _round(self) -> None:
        active = sa.select(deployments.c.guid).where(
            deployments.c.status == "ACTIVE",
            sa.or_(deployments.c.leased_until.is_(None), deployments.c.leased_until < sa.func.now()),
        )
        take = (
            sa.update(deployments)
            .where(deployments.c.guid.in_(active.with_for_update(skip_locked=True)))
            .values(leased_until=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, LEASE_SECONDS))
            .returning(deployments.c.guid)
        )
        async with self._platform.database.begin() as db:
            guids = list((await db.execute(take)).scalars())
        if not guids:
            self._seen.clear()
            return
        await asyncio.gather(*(self._one(guid) for guid in guids))

    async def _one(self, guid: str) -> None:
        mine = deployments.c.guid == guid
        try:
            await self._move(guid)
        except (SQLAlchemyError, NoAnswerError, ApiError) as error:
            log.warning("deployment_interrupted", deployment=guid, error=type(error).__name__)
        except Exception:
            log.exception("deployment_fault", deployment=guid)
        async with self._platform.database.begin() as db:
            await db.execute(sa.update(deployments).where(mine).values(leased_until=None))

    async def _move(self, guid: str) -> None:
        async with self._platform.database.begin() as db:
            row = (await db.execute(sa.select(deployments).where(deployments.c.guid == guid))).one()
            asked = await _processes(db, row)
        healthy = {one.guid: await self._healthy(one) for one in asked if _counts(row, one)}
        async with self._platform.database.begin() as db:
            row = (await db.execute(sa.select(deployments).where(deployments.c.guid == guid).with_for_update())).first()
            if row is None or row.status != "ACTIVE":
                return
            now = await _processes(db, row, lock=True)
            if [(one.guid, one.version, one.instances) for one in now] != [
                (one.guid, one.version, one.instances) for one in asked
            ]:
                return
            if row.state == "CANCELING":
                await self._cancel(db, row, now, healthy)
            else:
                await self._forward(db, row, now, healthy)

    async def _healthy(self, process: sa.Row[Any]) -> int:
        """How many instances run, and have run for long enough to be known to the routers."""
        config = self._platform.config.intervals
        found = await find_instances(
            self._platform.bus, process.guid, process.version, process.instances, config.find, stats=False
        )
        now = time.monotonic()
        running = [one.instance for one in found.values() if one.state == "RUNNING"]
        for instance in running:
            self._seen.setdefault(instance, now)
        return sum(now - self._seen[instance] >= config.routed for instance in running)

    async def _forward(
        self, db: Transaction, row: sa.Row[Any], now: list[sa.Row[Any]], healthy: dict[str, int]
    ) -> None:
        new = next(one for one in now if one.guid == row.process_guid)
        olds = [one for one in now if one.guid != row.process_guid]
        ready = healthy.get(new.guid, 0)
        most = canaries(row)
        await _shrink(db, olds, max(0, row.wanted - ready))
        if ready >= row.wanted and new.instances >= row.wanted:
            await finish(db, row)
            log.info("deployed", deployment=row.guid, app=row.app_guid)
            return
        if ready >= most and row.state != "PAUSED" and most < row.wanted:
            paused = {"state": "PAUSED", "reason": "PAUSED", "last_status_change": sa.func.now()}
            await db.execute(sa.update(deployments).where(deployments.c.guid == row.guid).values(paused))
            return
        wanted = min(row.wanted, most, ready + row.max_in_flight)
        if wanted > new.instances:
            await set_instances(db, new, wanted, started=True)
        if ready:
            values = {"last_healthy_at": sa.func.now()}
            await db.execute(sa.update(deployments).where(deployments.c.guid == row.guid).values(values))

    async def _cancel(self, db: Transaction, row: sa.Row[Any], now: list[sa.Row[Any]], healthy: dict[str, int]) -> None:
        old = next(one for one in now if one.deployment_guid is None)
        if old.instances < row.previous_instances:
            await set_instances(db, old, row.previous_instances, started=True)
        elif healthy.get(old.guid, 0) >= row.previous_instances:
            await canceled(db, row)
            log.info("deployment_canceled", deployment=row.guid, app=row.app_guid)


def _counts(row: sa.Row[Any], process: sa.Row[Any]) -> bool:
    """Whether its instances must run for the next step: the new ones, or the old ones when they come back."""
    return process.deployment_guid is None if row.state == "CANCELING" else process.guid == row.process_guid


async def _processes(db: Transaction, row: sa.Row[Any], *, lock: bool = False) -> list[sa.Row[Any]]:
    """All of the deployment's type: the newest first, the app's own last."""
    mine = sa.and_(processes.c.app_guid == row.app_guid, processes.c.type == row.process_type)
    order = (processes.c.deployment_guid.is_(None), processes.c.created_at.desc())
    select = sa.select(processes).where(mine).order_by(*order)
    return list((await db.execute(select.with_for_update() if lock else select)).all())


async def _shrink(db: Transaction, olds: list[sa.Row[Any]], left: int) -> None:
    """Together they have at most `left` instances; those that an overtaken deployment had brought up go first."""
    many = sum(one.instances for one in olds)
    for one in olds:
        less = min(one.instances, many - left)
        if less > 0:
            await set_instances(db, one, one.instances - less, started=True)
            many -= less
