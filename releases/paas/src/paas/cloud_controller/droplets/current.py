"""Which droplet an app runs, and the processes that come of it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.apps.create import create_process
from paas.cloud_controller.config import Config
from paas.cloud_controller.schema import apps, processes
from paas.database.transaction import Transaction


async def assign_droplet(config: Config, db: Transaction, app: str, droplet: sa.Row[Any]) -> None:
    """The app's instances are of `droplet` from the next start on; each of its process types is a process."""
    await db.execute(sa.update(apps).where(apps.c.guid == app).values(droplet_guid=droplet.guid))
    rows = await db.execute(sa.select(processes.c.type).where(processes.c.app_guid == app))
    known = set(rows.scalars())
    for kind in droplet.process_types:
        if kind not in known:
            await create_process(config, db, app, kind)
