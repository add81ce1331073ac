"""Ends deployments that something else has overtaken."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.outbox.put import changed, stop_instances
from paas.cloud_controller.schema import deployments, processes
from paas.database.transaction import Transaction


async def end_deployments(db: Transaction, app: str, reason: str = "CANCELED") -> None:
    """Those of `app` that are under way are final; processes that were being brought up are gone."""
    mine = sa.and_(deployments.c.app_guid == app, deployments.c.status == "ACTIVE")
    ended = await db.execute(
        sa.update(deployments)
        .where(mine)
        .values(state=reason, status="FINALIZED", reason=reason, last_status_change=sa.func.now())
        .returning(deployments.c.guid, deployments.c.process_type, deployments.c.wanted)
    )
    for row in ended.all():
        gone = await db.execute(
            sa.delete(processes)
            .where(processes.c.deployment_guid == row.guid)
            .returning(processes.c.guid, processes.c.version)
        )
        for process in gone.all():
            await stop_instances(db, process.guid, version=process.version)
            await changed(db, process.guid)
        old = sa.and_(
            processes.c.app_guid == app,
            processes.c.type == row.process_type,
            processes.c.deployment_guid.is_(None),
        )
        await db.execute(sa.update(processes).where(old).values(instances=row.wanted))
