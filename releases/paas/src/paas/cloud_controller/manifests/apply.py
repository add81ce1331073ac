"""The job ``space.apply_manifest``: apps are made or changed as the manifest says."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET

from paas.cloud_controller.api.body import merged_labels
from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.apps.create import create_app
from paas.cloud_controller.apps.environment import check_variables
from paas.cloud_controller.apps.lifecycle import Lifecycle, LifecycleData, checked, columns
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.job import Again, Done, Job, Outcome
from paas.cloud_controller.manifests.processes import apply_process
from paas.cloud_controller.manifests.read import AppManifest, read_manifest
from paas.cloud_controller.manifests.routes import apply_routes
from paas.cloud_controller.manifests.services import bind_services_step
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps
from paas.database.transaction import Transaction


async def apply(platform: Platform, job: Job) -> Outcome:
    """All apps of the manifest, each in a transaction of its own, then their services; the first that cannot be is named."""
    who = Identity(job.user_guid, job.payload["user_name"], frozenset(job.payload["scopes"]))
    given = read_manifest(platform.sealer.open(job.sealed).encode())
    space = job.payload["space"]
    if not job.payload.get("applied"):
        for app in given:
            with _named(app):
                async with platform.database.begin() as db:
                    await apply_app(platform, db, who, space, app)
    waiting: list[float] = []
    for app in given:
        with _named(app):
            step = await bind_services_step(platform, who, space, app)
        waiting += [] if step.done else [step.after]
    return Again(min(waiting), {**job.payload, "applied": True}) if waiting else Done()


@contextmanager
def _named(app: AppManifest) -> Generator[None]:
    """Errors say which app they are about."""
    try:
        yield
    except ApiError as error:
        detail = f"For application '{app.name}': {error.detail}"
        raise ApiError(error.status, error.code, error.title, detail) from None


async def apply_app(platform: Platform, db: Transaction, who: Identity, space: str, given: AppManifest) -> None:
    """One app, with its processes and routes."""
    row = await _app(platform, db, who, space, given)
    for process in given.sized():
        await apply_process(platform.config, db, row, process)
    await apply_routes(platform.config, db, who, row, given)


async def _app(platform: Platform, db: Transaction, who: Identity, space: str, given: AppManifest) -> sa.Row[Any]:
    data = LifecycleData(buildpacks=given.asked_buildpacks, stack=given.stack)
    values = columns(await checked(db, Lifecycle(data=data)))
    mine = sa.and_(apps.c.space_guid == space, apps.c.name == given.name)
    row = (await db.execute(sa.select(apps).where(mine).with_for_update())).first()
    if given.env is not UNSET:
        merged = {
            **platform.sealer.open("" if row is None else row.environment),
            **check_variables(dict(given.variables())),
        }
        values["environment"] = platform.sealer.seal({name: one for name, one in merged.items() if one is not None})
    if row is None:
        values |= merged_labels({}, {}, given.metadata)
        return await create_app(platform.config, db, who, space, given.name, values)
    values |= merged_labels(row.labels, row.annotations, given.metadata)
    changed = sa.update(apps).where(apps.c.guid == row.guid).values(values).returning(apps)
    found = (await db.execute(changed)).one()
    await record(db, who, "audit.app.apply_manifest", Target("app", row.guid, row.name), space=space)
    return found


WORKS = {"space.apply_manifest": apply}
