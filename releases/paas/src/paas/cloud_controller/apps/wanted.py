"""What is wanted of apps: started and stopped, with the messages that bring it about."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.outbox.put import changed, start_instances, stop_instances
from paas.cloud_controller.quotas.apps import check_started
from paas.cloud_controller.revisions.remember import remember
from paas.cloud_controller.schema import apps, crashes, processes
from paas.database.transaction import Transaction

NEW_VERSION = sa.text("gen_random_uuid()::text")


async def start_app(db: Transaction, app: sa.Row[Any]) -> None:
    """Have all instances run, of a new version. 422 without a droplet. Nothing changes where the app is started."""
    if app.droplet_guid is None:
        raise unprocessable("Assign a droplet before starting this app.")
    state = sa.update(apps).where(apps.c.guid == app.guid, apps.c.state != "STARTED").values(state="STARTED")
    if (await db.execute(state)).rowcount:
        await check_started(db, app.space_guid, app.guid)
        await remember(db, app.guid)
        await renew_processes(db, app.guid)


async def stop_app(db: Transaction, app: str) -> None:
    """Have no instance run."""
    state = sa.update(apps).where(apps.c.guid == app, apps.c.state != "STOPPED").values(state="STOPPED")
    if (await db.execute(state)).rowcount:
        await stop_processes(db, app)


async def restart_app(db: Transaction, app: sa.Row[Any]) -> None:
    """Have new instances run instead of those that do."""
    await stop_app(db, app.guid)
    await start_app(db, app)


async def stop_processes(db: Transaction, app: str) -> None:
    """Stop the instances of all processes."""
    rows = await db.execute(sa.select(processes.c.guid, processes.c.version).where(processes.c.app_guid == app))
    for row in rows.all():
        await stop_instances(db, row.guid, version=row.version)
        await changed(db, row.guid)


async def renew_processes(db: Transaction, app: str) -> None:
    """Start all instances of all processes under a new version."""
    mine = processes.c.app_guid == app
    renewed = (
        await db.execute(
            sa.update(processes)
            .where(mine)
            .values(version=NEW_VERSION, placement_error="")
            .returning(processes.c.guid, processes.c.version, processes.c.instances)
        )
    ).all()
    await db.execute(sa.delete(crashes).where(crashes.c.process_guid.in_([row.guid for row in renewed])))
    for row in renewed:
        await start_instances(db, row.guid, row.version, list(range(row.instances)))
        await changed(db, row.guid)
