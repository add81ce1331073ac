"""Deletes an organization with all that is in it."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.jobs.job import Again, Done, Job, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.routes.mapping import delete_routes
from paas.cloud_controller.schema import domains, organizations, routes, spaces
from paas.cloud_controller.spaces.delete import delete_space_step


async def work(platform: Platform, job: Job) -> Outcome:
    """The job ``organization.delete``: its spaces, then what is its own."""
    guid = job.resource_guid
    who = Identity(job.user_guid, job.payload.get("user_name", ""), frozenset())
    async with platform.database.begin() as db:
        mine = list(await db.scalars(sa.select(spaces.c.guid).where(spaces.c.organization_guid == guid)))
        name = await db.scalar(sa.select(organizations.c.name).where(organizations.c.guid == guid))
    waiting: list[float] = []
    faults: list[str] = []
    for space in mine:
        try:
            step = await delete_space_step(platform, space, who)
        except ApiError as error:
            faults.append(error.detail)
        else:
            waiting += [] if step.done else [step.after]
    if faults:
        raise ApiError(
            502,
            290010,
            "CF-OrganizationDeletionFailed",
            f"Deletion of organization {name} failed because one or more resources within could not be deleted.\n\n"
            + "\n".join(faults),
        )
    if waiting:
        return Again(min(waiting))
    async with platform.database.begin() as db:
        # other organizations may have routes below a domain that was shared with them
        below = sa.select(domains.c.guid).where(domains.c.organization_guid == guid)
        await delete_routes(db, list(await db.scalars(sa.select(routes.c.guid).where(routes.c.domain_guid.in_(below)))))
        await db.execute(sa.delete(domains).where(domains.c.organization_guid == guid))
        await db.execute(sa.delete(organizations).where(organizations.c.guid == guid))
    return Done()


WORKS = {"organization.delete": work}
