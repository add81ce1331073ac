"""Ends deployments: well, or because something else has overtaken them."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa

from paas.cloud_controller.apps.wanted import NEW_VERSION
from paas.cloud_controller.outbox.put import changed, start_instances, stop_instances
from paas.cloud_controller.schema import apps, deployments, processes
from paas.database.transaction import Transaction

Reason = Literal["DEPLOYED", "CANCELED", "SUPERSEDED"]


def final(reason: Reason) -> dict[str, Any]:
    """Columns of a deployment that has ended."""
    state = "DEPLOYED" if reason == "SUPERSEDED" else reason
    return {"state": state, "status": "FINALIZED", "reason": reason, "last_status_change": sa.func.now()}


async def end_deployments(db: Transaction, app: str) -> None:
    """Those of `app` that are under way are canceled, and what they brought up is gone; the app's droplet stays the new one."""
    mine = sa.and_(deployments.c.app_guid == app, deployments.c.status == "ACTIVE")
    ended = await db.execute(
        sa.update(deployments)
        .where(mine)
        .values(final("CANCELED"))
        .returning(deployments.c.process_type, deployments.c.previous_instances)
    )
    for row in ended.all():
        await remove_new(db, app)
        old = main_process(app, row.process_type)
        await db.execute(sa.update(processes).where(old).values(instances=row.previous_instances))
    await db.execute(sa.update(processes).where(processes.c.app_guid == app).values(droplet_guid=None))


async def remove_new(db: Transaction, app: str, but: str = "") -> None:
    """Processes that were being brought up are gone, except one."""
    gone = await db.execute(
        sa.delete(processes)
        .where(processes.c.app_guid == app, processes.c.deployment_guid.is_not(None), processes.c.guid != but)
        .returning(processes.c.guid, processes.c.version)
    )
    for process in gone.all():
        await stop_instances(db, process.guid, version=process.version)
        await changed(db, process.guid)


async def finish(db: Transaction, row: sa.Row[Any]) -> None:
    """The new process takes the old one's place; the app's other processes run the new droplet from now on too."""
    await remove_new(db, row.app_guid, but=row.process_guid)
    gone = await db.execute(
        sa.delete(processes)
        .where(main_process(row.app_guid, row.process_type))
        .returning(processes.c.guid, processes.c.version)
    )
    for old in gone.all():
        await stop_instances(db, old.guid, version=old.version)
        await changed(db, old.guid)
    promoted = {"deployment_guid": None, "droplet_guid": None}
    await db.execute(sa.update(processes).where(processes.c.guid == row.process_guid).values(promoted))
    await changed(db, row.process_guid)
    await _renew_others(db, row)
    await db.execute(sa.update(deployments).where(deployments.c.guid == row.guid).values(final("DEPLOYED")))


async def _renew_others(db: Transaction, row: sa.Row[Any]) -> None:
    others = sa.and_(processes.c.app_guid == row.app_guid, processes.c.guid != row.process_guid)
    before = {one.guid: one.version for one in await db.execute(sa.select(processes).where(others))}
    renewed = await db.execute(
        sa.update(processes)
        .where(others)
        .values(version=NEW_VERSION, droplet_guid=None, revision_guid=row.revision_guid)
        .returning(processes)
    )
    for one in renewed.all():
        await stop_instances(db, one.guid, version=before[one.guid])
        await start_instances(db, one.guid, one.version, list(range(one.instances)))
        await changed(db, one.guid)


async def canceled(db: Transaction, row: sa.Row[Any]) -> None:
    """Old instances run as before: what was being brought up is gone."""
    await remove_new(db, row.app_guid)
    await db.execute(sa.update(apps).where(apps.c.guid == row.app_guid).values(droplet_guid=row.previous_droplet_guid))
    await db.execute(sa.update(processes).where(processes.c.app_guid == row.app_guid).values(droplet_guid=None))
    await db.execute(sa.update(deployments).where(deployments.c.guid == row.guid).values(final("CANCELED")))


def main_process(app: str, kind: str) -> sa.ColumnElement[bool]:
    """The app's own process of a type, not one that a deployment is bringing up."""
    return sa.and_(processes.c.app_guid == app, processes.c.type == kind, processes.c.deployment_guid.is_(None))
