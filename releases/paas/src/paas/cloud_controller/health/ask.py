"""``health.start`` and ``health.stop``: what the health manager asks for is checked against what is wanted now.

The check makes it harmless that two health managers ask, or that one asks for what was wanted a moment ago.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
import structlog

from paas.cloud_controller.outbox.put import start_instances, stop_instances
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, droplets, outbox, processes
from paas.database.transaction import Transaction
from paas.messages.health import HealthStart, HealthStop

log = structlog.get_logger("health")


async def _wanted(db: Transaction, process: str) -> sa.Row[Any] | None:
    droplet = sa.func.coalesce(processes.c.droplet_guid, apps.c.droplet_guid)
    select = (
        sa.select(processes.c.version, processes.c.instances, apps.c.state, droplets.c.state.label("droplet_state"))
        .select_from(
            processes.join(apps, apps.c.guid == processes.c.app_guid).outerjoin(droplets, droplets.c.guid == droplet)
        )
        .where(processes.c.guid == process)
    )
    return (await db.execute(select)).first()


async def health_start(platform: Platform, asked: HealthStart) -> list[int]:
    """The indices that are started: those that are still missing by what is wanted now, and not on their way already."""
    async with platform.database.begin() as db:
        row = await _wanted(db, asked.droplet)
        if row is None or row.state != "STARTED" or row.version != asked.version or row.droplet_state != "STAGED":
            return []
        missing = row.instances - asked.running.get(asked.version, 0)
        on_way = await _on_way(db, asked.droplet, asked.version)
        indices = [one for one in sorted(set(asked.indices)) if 0 <= one < row.instances and one not in on_way]
        chosen = indices[: max(0, missing)]
        await start_instances(db, asked.droplet, asked.version, chosen)
    log.info("health_start", process=asked.droplet, asked=asked.indices, started=chosen)
    return chosen


async def _on_way(db: Transaction, process: str, version: str) -> set[int]:
    """Indices whose start is still to be sent."""
    waiting = sa.and_(outbox.c.process_guid == process, outbox.c.kind == "start")
    rows = await db.execute(sa.select(outbox.c.payload).where(waiting))
    return {index for payload in rows.scalars() if payload["version"] == version for index in payload["indices"]}


async def health_stop(platform: Platform, asked: HealthStop) -> list[str]:
    """The instances that are stopped: of versions that are not wanted, or more than are wanted."""
    async with platform.database.begin() as db:
        row = await _wanted(db, asked.droplet)
        running = row is not None and row.state == "STARTED"
        left = asked.running.get(row.version, 0) if row is not None else 0
        chosen: list[str] = []
        for instance, version in asked.instances.items():
            if row is None or not running or version != row.version:
                chosen.append(instance)
            elif left - 1 >= row.instances:
                left -= 1
                chosen.append(instance)
        if chosen:
            await stop_instances(db, asked.droplet, instances=chosen)
    log.info("health_stop", process=asked.droplet, asked=len(asked.instances), stopped=len(chosen))
    return chosen
