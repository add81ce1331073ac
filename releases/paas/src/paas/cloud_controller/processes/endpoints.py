"""``/v3/processes`` and ``/v3/apps/G/processes``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_in, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.api.lists import Listing, among, answer_all, answer_list
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.processes.check import Check, kept_check
from paas.cloud_controller.processes.find import select_processes, the_process
from paas.cloud_controller.processes.present import present_hidden, present_process
from paas.cloud_controller.processes.scale import Scale, scaled, set_instances
from paas.cloud_controller.quotas.apps import check_app_quota
from paas.cloud_controller.schema import apps, deployments, processes, spaces

LISTING = Listing(
    processes,
    {
        "app_guids": among(processes.c.app_guid),
        "types": among(processes.c.type),
        "space_guids": among(apps.c.space_guid),
        "organization_guids": lambda values: apps.c.space_guid.in_(
            sa.select(spaces.c.guid).where(spaces.c.organization_guid.in_(values))
        ),
    },
)


class ProcessChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/processes/G``."""

    command: str | UnsetType | None = UNSET
    user: str | UnsetType | None = UNSET
    health_check: Check | UnsetType = UNSET
    readiness_health_check: Check | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


async def index(call: Call) -> Response:
    """Of all spaces that the user reads."""
    select = select_processes().where(apps.c.space_guid.in_(visible_spaces(call.who)))
    return await answer_list(call, LISTING, select, present_hidden)


async def of_app(call: Call) -> Response:
    """Of one app."""
    row = await need_in(call, apps, call.path())
    return await answer_list(call, LISTING, select_processes().where(processes.c.app_guid == row.guid), present_hidden)


async def show(call: Call) -> Response:
    """One, with its command where the user may see it."""
    row = await the_process(call)
    return answer(present_process(call, row, row.detected))


async def update(call: Call) -> Response:
    """Command and checks: for instances that are started from now on."""
    row = await the_process(call, "develop")
    body = await call.body(ProcessChange)
    values = dict[str, Any](merged_labels(row.labels, row.annotations, body.metadata))
    if body.command is not UNSET:
        if body.command is not None and not body.command.strip():
            raise unprocessable("command must be null or have 1 to 4096 characters")
        if body.command is not None and len(body.command) > 4096:
            raise unprocessable("command must be null or have 1 to 4096 characters")
        values["command"] = body.command
    limits = call.platform.config.limits
    if body.health_check is not UNSET:
        values["health_check"] = kept_check(row.health_check, body.health_check, limits)
    if body.readiness_health_check is not UNSET:
        values["readiness_health_check"] = kept_check(row.readiness_health_check, body.readiness_health_check, limits)
    await call.db.execute(sa.update(processes).where(processes.c.guid == row.guid).values(values))
    await record(
        call.db, call.who, "audit.app.process.update", Target("app", row.app_guid, row.app_name), space=row.space_guid
    )
    changed = (await call.db.execute(select_processes().where(processes.c.guid == row.guid))).one()
    return answer(present_process(call, changed, changed.detected))


async def scale(call: Call) -> Response:
    """How many, and how big."""
    row = await the_process(call, "operate", lock=True)
    await need_flag(call.db, call.who, "app_scaling")
    values: dict[str, int] = scaled(await call.body(Scale), call.platform.config.limits)
    active = sa.select(deployments.c.guid).where(
        deployments.c.app_guid == row.app_guid, deployments.c.status == "ACTIVE", deployments.c.process_type == row.type
    )
    if "instances" in values and await call.db.scalar(active) is not None:
        raise unprocessable("Cannot scale this process while a deployment is in flight.")
    await check_app_quota(
        call.db,
        row.space_guid,
        row.guid,
        instances=values.get("instances", int(row.instances)),
        memory=values.get("memory_in_mb", int(row.memory_in_mb)),
    )
    requested = dict(values)
    wanted = values.pop("instances", None)
    if values:
        await call.db.execute(sa.update(processes).where(processes.c.guid == row.guid).values(values))
    if wanted is not None:
        await set_instances(call.db, row, wanted, started=row.app_state == "STARTED")
    await record(
        call.db,
        call.who,
        "audit.app.process.scale",
        Target("app", row.app_guid, row.app_name),
        space=row.space_guid,
        data={"process_guid": row.guid, "process_type": row.type, "request": requested},
    )
    changed = (await call.db.execute(select_processes().where(processes.c.guid == row.guid))).one()
    return answer(present_process(call, changed, changed.detected), 202)


async def sidecars(call: Call) -> Response:
    """There are none."""
    await the_process(call)
    return answer_all(call, [])


def both(method: str, more: str, handler: Any, **options: Any) -> list[Endpoint]:
    """For a process by its guid, and by its app and type."""
    return [
        Endpoint(method, f"/v3/processes/{{guid}}{more}", handler, **options),
        Endpoint(method, f"/v3/apps/{{guid}}/processes/{{type}}{more}", handler, **options),
    ]


ENDPOINTS = [
    Endpoint("GET", "/v3/processes", index),
    Endpoint("GET", "/v3/apps/{guid}/processes", of_app),
    *both("GET", "", show),
    *both("PATCH", "", update),
    *both("POST", "/actions/scale", scale),
    *both("GET", "/sidecars", sidecars),
]
