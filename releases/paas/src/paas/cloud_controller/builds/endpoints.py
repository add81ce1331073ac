"""``/v3/builds``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_in, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, Reference, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import ApiError, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list
from paas.cloud_controller.api.present import resource, to_one
from paas.cloud_controller.apps.lifecycle import Lifecycle, checked, columns
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.packages.find import need_of_app
from paas.cloud_controller.schema import apps, builds, droplets, packages

LISTING = Listing(
    builds,
    {
        "app_guids": among(builds.c.app_guid),
        "package_guids": among(builds.c.package_guid),
        "states": among(builds.c.state),
    },
)


class NewBuild(Body, frozen=True, kw_only=True):
    """``POST /v3/builds``."""

    package: Reference
    lifecycle: Lifecycle | UnsetType = UNSET
    staging_memory_in_mb: int | None = None
    staging_disk_in_mb: int | None = None
    staging_log_rate_limit_bytes_per_second: int | None = None
    metadata: Metadata | UnsetType = UNSET


class BuildChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/builds/G``."""

    metadata: Metadata | UnsetType = UNSET


def select_builds() -> sa.Select[Any]:
    """With the droplet that came of each."""
    return sa.select(builds, droplets.c.guid.label("droplet_guid")).select_from(
        builds.join(apps, apps.c.guid == builds.c.app_guid).outerjoin(droplets, droplets.c.build_guid == builds.c.guid)
    )


def present_build(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One build."""
    links = {"app": f"/v3/apps/{row.app_guid}"}
    if row.droplet_guid:
        links["droplet"] = f"/v3/droplets/{row.droplet_guid}"
    return resource(
        call,
        row,
        f"/v3/builds/{row.guid}",
        {
            "state": row.state,
            "error": row.error,
            "staging_memory_in_mb": row.memory_in_mb,
            "staging_disk_in_mb": row.disk_in_mb,
            "staging_log_rate_limit_bytes_per_second": -1,
            "lifecycle": {
                "type": "buildpack",
                "data": {"buildpacks": row.buildpacks, "stack": row.stack or call.platform.config.defaults.stack},
            },
            "package": {"guid": row.package_guid},
            "droplet": {"guid": row.droplet_guid} if row.droplet_guid else None,
            "created_by": {"guid": row.created_by_guid, "name": row.created_by_name, "email": row.created_by_name},
        },
        {"app": to_one(row.app_guid)},
        links,
    )


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [present_build(call, row) for row in rows]


async def index(call: Call) -> Response:
    """Of all spaces that the user reads."""
    select = select_builds().where(apps.c.space_guid.in_(visible_spaces(call.who)))
    return await answer_list(call, LISTING, select, _present_all)


async def of_app(call: Call) -> Response:
    """Of one app."""
    row = await need_in(call, apps, call.path())
    return await answer_list(call, LISTING, select_builds().where(builds.c.app_guid == row.guid), _present_all)


async def create(call: Call) -> Response:
    """Begin to stage a package; any other staging of the app ends."""
    body = await call.body(NewBuild)
    try:
        package = await need_of_app(call, packages, body.package.guid, "develop", "Package")
    except ApiError as error:
        if error.status != 404:
            raise
        raise unprocessable(
            "Unable to use package. Ensure that the package exists and you have access to it."
        ) from None
    if package.state != "READY":
        raise unprocessable(f"Package is not ready: its state is {package.state}")
    app = (await call.db.execute(sa.select(apps).where(apps.c.guid == package.app_guid).with_for_update())).one()
    given = columns(body.lifecycle if body.lifecycle is UNSET else await checked(call.db, body.lifecycle))
    limits = call.platform.config.staging
    values = {
        "app_guid": app.guid,
        "package_guid": package.guid,
        "buildpacks": given.get("buildpacks", app.buildpacks),
        "stack": given.get("stack", app.stack) or call.platform.config.defaults.stack,
        "memory_in_mb": _amount("staging_memory_in_mb", body.staging_memory_in_mb, limits.memory_in_mb),
        "disk_in_mb": _amount("staging_disk_in_mb", body.staging_disk_in_mb, limits.disk_in_mb),
        "deadline": sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, limits.timeout),
        "created_by_guid": call.who.guid,
        "created_by_name": call.who.name,
        **merged_labels({}, {}, body.metadata),
    }
    overtaken = sa.and_(builds.c.app_guid == app.guid, builds.c.state == "STAGING")
    await call.db.execute(
        sa.update(builds)
        .where(overtaken)
        .values(state="FAILED", error="StagingError - Another build of the app was begun")
    )
    guid = (await call.db.execute(sa.insert(builds).values(values).returning(builds.c.guid))).scalar_one()
    await enqueue(call.db, "build.stage", guid, user=call.who.guid)
    await record(
        call.db,
        call.who,
        "audit.app.build.create",
        Target("app", app.guid, app.name),
        space=app.space_guid,
        data={"build_guid": guid, "package_guid": package.guid},
    )
    row = (await call.db.execute(select_builds().where(builds.c.guid == guid))).one()
    return answer(present_build(call, row), 201)


def _amount(name: str, given: int | None, default: int) -> int:
    if given is None:
        return default
    if given < 1:
        raise unprocessable(f"{name} must be greater than or equal to 1")
    return given


async def show(call: Call) -> Response:
    """One."""
    await need_of_app(call, builds, call.path(), "read", "Build")
    row = (await call.db.execute(select_builds().where(builds.c.guid == call.path()))).one()
    return answer(present_build(call, row))


async def update(call: Call) -> Response:
    """Labels."""
    row = await need_of_app(call, builds, call.path(), "develop", "Build")
    body = await call.body(BuildChange)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    await call.db.execute(sa.update(builds).where(builds.c.guid == row.guid).values(values))
    changed = (await call.db.execute(select_builds().where(builds.c.guid == row.guid))).one()
    return answer(present_build(call, changed))


ENDPOINTS = [
    Endpoint("GET", "/v3/builds", index),
    Endpoint("GET", "/v3/apps/{guid}/builds", of_app),
    Endpoint("POST", "/v3/builds", create),
    Endpoint("GET", "/v3/builds/{guid}", show),
    Endpoint("PATCH", "/v3/builds/{guid}", update),
]
