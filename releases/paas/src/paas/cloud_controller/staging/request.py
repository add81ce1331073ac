"""What a stager is asked: everything it needs, from the database as it is now."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.errors import ApiError, unprocessable
from paas.cloud_controller.apps.lifecycle import is_url
from paas.cloud_controller.instances.environment import services_of
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, buildpacks, organizations, packages, spaces
from paas.cloud_controller.variable_groups.groups import full_environment
from paas.database.transaction import Transaction
from paas.messages.staging import AdminBuildpack, Properties, Resources, StageRequest

MARGIN_SECONDS = 600
"""Addresses outlive the staging's deadline by so much."""


def droplet_key(task: str) -> str:
    """Where the stager puts the droplet: a key of this attempt alone, so that one given up cannot write over another's."""
    return f"droplets/{task}"


async def stage_request(platform: Platform, db: Transaction, build: sa.Row[Any], task: str) -> StageRequest:
    """For one attempt, whose id is `task`. ApiError where nothing can stage this."""
    app = (
        await db.execute(
            sa.select(
                apps,
                spaces.c.name.label("space_name"),
                spaces.c.organization_guid,
                organizations.c.name.label("organization_name"),
            )
            .select_from(apps.join(spaces, spaces.c.guid == apps.c.space_guid).join(organizations))
            .where(apps.c.guid == build.app_guid)
        )
    ).first()
    if app is None:
        raise unprocessable("The app is gone")
    sha256 = await db.scalar(sa.select(packages.c.sha256).where(packages.c.guid == build.package_guid))
    if not sha256:
        raise unprocessable("The package is gone: push again")
    seconds = int(platform.config.staging.timeout) + MARGIN_SECONDS
    blobs = platform.blobs
    rows = (await db.execute(_usable(build))).all()
    named = list[str](build.buildpacks)
    by_name = {row.name: row for row in reversed(rows)}
    if missing := [one for one in named if not is_url(one) and one not in by_name]:
        raise ApiError(
            422,
            170001,
            "CF-StagingError",
            f"The buildpack {missing[0]} is not usable: it has no content, is disabled, or is for another stack",
        )
    if not rows and not named:
        raise ApiError(
            422,
            170006,
            "CF-NoBuildpacksFound",
            "The platform has no buildpack for this stack: ask the operator to upload one",
        )
    cache = f"buildpack_cache/{build.app_guid}-{build.stack}"
    environment = await full_environment(db, platform.sealer, "staging", app.environment)
    application = {
        "application_id": app.guid,
        "application_name": app.name,
        "name": app.name,
        "space_id": app.space_guid,
        "space_name": app.space_name,
        "organization_id": app.organization_guid,
        "organization_name": app.organization_name,
        "limits": {"mem": build.memory_in_mb, "disk": build.disk_in_mb, "fds": 16384},
    }
    return StageRequest(
        app_id=build.app_guid,
        task_id=task,
        properties=Properties(
            buildpacks=[one if is_url(one) else by_name[one].key for one in named],
            services=await services_of(platform, db, build.app_guid),
            environment=[f"{name}={value}" for name, value in environment.items()],
            resources=Resources(memory=build.memory_in_mb, disk=build.disk_in_mb),
            meta={"vcap_application": application},
        ),
        download_uri=blobs.signed_get(f"packages/{build.package_guid}", seconds),
        download_sha256=sha256,
        upload_uri=blobs.signed_put(droplet_key(task), seconds),
        buildpack_cache_download_uri=blobs.signed_get(cache, seconds),
        buildpack_cache_upload_uri=blobs.signed_put(cache, seconds),
        admin_buildpacks=[
            AdminBuildpack(key=row.key, url=blobs.signed_get(f"buildpacks/{row.key}", seconds), name=row.name)
            for row in rows
        ],
        stack=build.stack,
    )


def _usable(build: sa.Row[Any]) -> sa.Select[Any]:
    stack = sa.or_(buildpacks.c.stack.is_(None), buildpacks.c.stack == build.stack)
    ready = sa.and_(buildpacks.c.state == "READY", buildpacks.c.enabled)
    return sa.select(buildpacks).where(stack, ready).order_by(buildpacks.c.position, buildpacks.c.stack.is_(None))
