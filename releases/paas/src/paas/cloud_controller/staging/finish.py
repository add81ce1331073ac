"""Writes down how a staging ended: a droplet, or what went wrong."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, builds, droplets
from paas.cloud_controller.staging.request import droplet_key
from paas.messages.staging import StageReply


async def finish_build(platform: Platform, build: sa.Row[Any], reply: StageReply) -> None:
    """By the stager's last reply."""
    if reply.error:
        await fail_build(platform, build, reply.error_type or "StagingError", reply.error)
        return
    if not reply.droplet_sha256:
        await fail_build(platform, build, "StagingError", "the stager told of no droplet")
        return
    async with platform.database.begin() as db:
        staged = await db.execute(_staging(build.guid).values(state="STAGED", error=None))
        if not staged.rowcount:
            return
        values = {
            "app_guid": build.app_guid,
            "package_guid": build.package_guid,
            "build_guid": build.guid,
            "blob": droplet_key(reply.task_id),
            "sha256": reply.droplet_sha256,
            "size": reply.droplet_size,
            "process_types": reply.process_types,
            "execution_metadata": reply.execution_metadata,
            "buildpacks": [_buildpack(one) for one in reply.buildpacks]
            or [_buildpack({"name": reply.detected_buildpack})],
            "stack": build.stack,
        }
        guid = (await db.execute(sa.insert(droplets).values(values).returning(droplets.c.guid))).scalar_one()
        app = (await db.execute(sa.select(apps).where(apps.c.guid == build.app_guid))).one()
        await record(
            db,
            None,
            "audit.app.droplet.create",
            Target("app", app.guid, app.name),
            space=app.space_guid,
            data={"droplet_guid": guid, "build_guid": build.guid, "package_guid": build.package_guid},
        )


async def fail_build(platform: Platform, build: sa.Row[Any], kind: str, error: str) -> None:
    """The build is FAILED with ``KIND - TEXT``, which clients show."""
    async with platform.database.begin() as db:
        failed = await db.execute(_staging(build.guid).values(state="FAILED", error=f"{kind} - {error}"[:4000]))
        if not failed.rowcount:
            return
        app = (await db.execute(sa.select(apps).where(apps.c.guid == build.app_guid))).first()
        if app is not None:
            await record(
                db,
                None,
                "audit.app.build.failed",
                Target("app", app.guid, app.name),
                space=app.space_guid,
                data={"build_guid": build.guid, "package_guid": build.package_guid, "error_id": kind},
            )


def _staging(build: str) -> sa.Update:
    return sa.update(builds).where(builds.c.guid == build, builds.c.state == "STAGING")


def _buildpack(told: dict[str, str]) -> dict[str, str | None]:
    names = ("name", "detect_output", "buildpack_name", "version")
    return {name: told.get(name) or None for name in names}
