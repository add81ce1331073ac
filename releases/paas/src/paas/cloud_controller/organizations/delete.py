"""Deletes an organization with all that is in it."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import domains, organizations, routes, spaces
from paas.cloud_controller.spaces.delete import delete_space


async def work(platform: Platform, job: Job) -> Outcome:
    """The job ``organization.delete``: its spaces one after another, then what is its own."""
    guid = job.resource_guid
    async with platform.database.begin() as db:
        mine = list(await db.scalars(sa.select(spaces.c.guid).where(spaces.c.organization_guid == guid)))
    for space in mine:
        async with platform.database.begin() as db:
            await delete_space(db, None, space)
    async with platform.database.begin() as db:
        below = sa.select(domains.c.guid).where(domains.c.organization_guid == guid)
        await db.execute(sa.delete(routes).where(routes.c.domain_guid.in_(below)))
        await db.execute(sa.delete(domains).where(domains.c.organization_guid == guid))
        await db.execute(sa.delete(organizations).where(organizations.c.guid == guid))
    return Done()


WORKS = {"organization.delete": work}
