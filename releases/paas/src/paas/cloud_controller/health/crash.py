"""``droplet.exited``: a crash is written down, for the stats and for the app's events."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, crashes, processes
from paas.messages.dea import Exited


async def exited(platform: Platform, told: Exited) -> bool:
    """Whether it is a crash of something that is wanted."""
    if told.reason != "CRASHED":
        return False
    async with platform.database.begin() as db:
        select = (
            sa.select(processes.c.type, processes.c.app_guid, processes.c.version, apps.c.name, apps.c.space_guid)
            .select_from(processes.join(apps, apps.c.guid == processes.c.app_guid))
            .where(processes.c.guid == told.droplet)
        )
        row = (await db.execute(select)).first()
        if row is None or row.version != told.version:
            return False
        values = {
            "version": told.version,
            "instance": told.instance,
            "description": told.exit_description or f"exited with status {told.exit_status}",
            "at": datetime.fromtimestamp(told.crash_timestamp, UTC) if told.crash_timestamp else datetime.now(UTC),
        }
        put = insert(crashes).values(process_guid=told.droplet, position=told.index, **values)
        await db.execute(put.on_conflict_do_update(index_elements=["process_guid", "position"], set_=values))
        await record(
            db,
            None,
            "audit.app.process.crash",
            Target("app", row.app_guid, row.name),
            space=row.space_guid,
            data={
                "instance": told.instance,
                "index": told.index,
                "process_guid": told.droplet,
                "process_type": row.type,
                "exit_status": told.exit_status,
                "exit_description": told.exit_description,
                "reason": told.reason,
                "crash_timestamp": int(told.crash_timestamp),
            },
        )
    return True
