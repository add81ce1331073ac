"""Deletes an app: its instances, its routes' destinations, its bindings; and its blobs, by a job."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.cleanup.blobs import remove_blobs
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.job import Again, Done, Job, Outcome
from paas.cloud_controller.outbox.put import put
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, builds, droplets, packages, processes, service_bindings, tasks
from paas.cloud_controller.services.remove import unbind_step
from paas.cloud_controller.tasks.end import UNENDED
from paas.database.transaction import Transaction


async def delete_app(db: Transaction, who: Identity | None, app: str) -> None:
    """Everything of it; nothing where it is gone already. Bindings of managed services must be unbound before."""
    row = (await db.execute(sa.select(apps).where(apps.c.guid == app).with_for_update())).first()
    if row is None:
        return
    guids = (await db.execute(sa.select(processes.c.guid).where(processes.c.app_guid == app))).scalars().all()
    for guid in guids:
        await put(db, "stop", guid)
        await put(db, "updated", guid)
    unended = sa.select(tasks.c.guid).where(tasks.c.app_guid == app, tasks.c.state.in_(UNENDED))
    for guid in await db.scalars(unended):
        await put(db, "stop", guid)
    await put(db, "stop_staging", app)
    await remove_blobs(db, await _blobs(db, app))
    await db.execute(sa.delete(apps).where(apps.c.guid == app))
    await record(db, who, "audit.app.delete-request", Target("app", app, row.name), space=row.space_guid)


async def _blobs(db: Transaction, app: str) -> list[str]:
    found = [f"packages/{guid}" for guid in await db.scalars(_of(packages.c.guid, app))]
    found += [blob for blob in await db.scalars(_of(droplets.c.blob, app)) if blob]
    return found + [f"buildpack_cache/{app}-{stack}" for stack in await db.scalars(_of(builds.c.stack, app)) if stack]


def _of(column: sa.Column[str], app: str) -> sa.Select[str]:
    return sa.select(column).where(column.table.c.app_guid == app).distinct()


async def delete(platform: Platform, job: Job) -> Outcome:
    """The job ``app.delete``."""
    who = Identity(job.user_guid, job.payload.get("user_name", ""), frozenset())
    async with platform.database.begin() as db:
        mine = sa.select(service_bindings.c.guid).where(service_bindings.c.app_guid == job.resource_guid)
        bindings = list(await db.scalars(mine))
    steps = [await unbind_step(platform, guid, who) for guid in bindings]
    if waiting := [step.after for step in steps if not step.done]:
        return Again(min(waiting))
    async with platform.database.begin() as db:
        await delete_app(db, who, job.resource_guid)
    return Done()


WORKS = {"app.delete": delete}
