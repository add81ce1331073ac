"""Deletes a space with all that is in it."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.apps.delete import delete_app
from paas.cloud_controller.jobs.job import Job, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, service_instances, spaces
from paas.cloud_controller.services.remove import deprovision_step
from paas.cloud_controller.services.step import DONE, Step


async def delete_space_step(platform: Platform, guid: str, who: Identity) -> Step:
    """One step: its service instances at their brokers first, then everything else at once. ApiError with all that fails."""
    async with platform.database.begin() as db:
        mine = sa.select(service_instances.c.guid, service_instances.c.name)
        instances = (await db.execute(mine.where(service_instances.c.space_guid == guid))).all()
        name = await db.scalar(sa.select(spaces.c.name).where(spaces.c.guid == guid))
    waiting: list[float] = []
    faults: list[str] = []
    for one in instances:
        try:
            step = await deprovision_step(platform, one.guid, who)
        except ApiError as error:
            faults.append(f"Service instance {one.name}: {error.detail}")
        else:
            waiting += [] if step.done else [step.after]
    if faults:
        raise ApiError(
            502,
            290008,
            "CF-SpaceDeletionFailed",
            f"Deletion of space {name} failed because one or more resources within could not be deleted.\n\n"
            + "\n".join(faults),
        )
    if waiting:
        return Step(False, min(waiting))
    async with platform.database.begin() as db:
        for app in list(await db.scalars(sa.select(apps.c.guid).where(apps.c.space_guid == guid))):
            await delete_app(db, who, app)
        await db.execute(sa.delete(spaces).where(spaces.c.guid == guid))
    return DONE


async def work(platform: Platform, job: Job) -> Outcome:
    """The job ``space.delete``."""
    who = Identity(job.user_guid, job.payload.get("user_name", ""), frozenset())
    return (await delete_space_step(platform, job.resource_guid, who)).outcome()


WORKS = {"space.delete": work}
