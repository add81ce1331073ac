"""Deletes a space with all that is in it."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.apps.delete import delete_app
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, spaces
from paas.database.transaction import Transaction


async def delete_space(db: Transaction, who: Identity | None, guid: str) -> None:
    """Everything in it goes with it; its instances are stopped."""
    for app in list(await db.scalars(sa.select(apps.c.guid).where(apps.c.space_guid == guid))):
        await delete_app(db, who, app)
    await db.execute(sa.delete(spaces).where(spaces.c.guid == guid))


async def work(platform: Platform, job: Job) -> Outcome:
    """The job ``space.delete``."""
    async with platform.database.begin() as db:
        await delete_space(db, None, job.resource_guid)
    return Done()


WORKS = {"space.delete": work}
