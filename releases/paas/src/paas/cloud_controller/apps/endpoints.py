"""``/v3/apps``: made, listed, changed, deleted."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need, need_in, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, ToOne, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import ApiError, unprocessable
from paas.cloud_controller.api.lists import Include, Listing, Rows, among, answer_list, included_of
from paas.cloud_controller.apps.create import check_free, check_name, create_app
from paas.cloud_controller.apps.environment import check_variables
from paas.cloud_controller.apps.lifecycle import Lifecycle, checked, columns
from paas.cloud_controller.apps.present import present_app, present_apps
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.schema import apps, spaces
from paas.cloud_controller.spaces.present import included as included_spaces


async def _spaces(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    return await included_spaces(call, {row.space_guid for row in rows}, organization_too=False)


async def _organizations(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    return await included_spaces(call, {row.space_guid for row in rows}, organization_too=True)


INCLUDES: dict[str, Include] = {"space": _spaces, "space.organization": _organizations}
LISTING = Listing(
    apps,
    {
        "names": among(apps.c.name),
        "space_guids": among(apps.c.space_guid),
        "organization_guids": lambda values: apps.c.space_guid.in_(
            sa.select(spaces.c.guid).where(spaces.c.organization_guid.in_(values))
        ),
        "stacks": among(apps.c.stack),
        "lifecycle_type": lambda values: sa.literal("buildpack").in_(values),
    },
    order=("name", "state"),
    includes=INCLUDES,
)


class Relationships(Body, frozen=True, kw_only=True):
    """Of a new app."""

    space: ToOne


class NewApp(Body, frozen=True, kw_only=True):
    """``POST /v3/apps``."""

    name: str
    relationships: Relationships
    lifecycle: Lifecycle = Lifecycle()
    environment_variables: dict[str, Any] = msgspec.field(default_factory=dict)
    metadata: Metadata | UnsetType = UNSET


class AppChange(Body, frozen=True, kw_only=True):
    """``PATCH /v3/apps/G``."""

    name: str | UnsetType = UNSET
    lifecycle: Lifecycle | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


async def index(call: Call) -> Response:
    """Apps of the spaces that the user reads."""
    select = sa.select(apps).where(apps.c.space_guid.in_(visible_spaces(call.who)))
    return await answer_list(call, LISTING, select, present_apps)


async def create(call: Call) -> Response:
    """A stopped app."""
    body = await call.body(NewApp)
    space = body.relationships.space.data.guid
    try:
        await need(call, space, "develop")
    except ApiError as error:
        if error.status != 404:
            raise
        raise unprocessable("Invalid space. Ensure that the space exists and you have access to it.") from None
    values = columns(await checked(call.db, body.lifecycle))
    if body.environment_variables:
        values["environment"] = call.platform.sealer.seal(check_variables(body.environment_variables))
    values |= merged_labels({}, {}, body.metadata)
    row = await create_app(call.platform.config, call.db, call.who, space, body.name, values)
    return answer(present_app(call, row), 201)


async def show(call: Call) -> Response:
    """One app."""
    row = await need_in(call, apps, call.path())
    shown = present_app(call, row)
    if included := await included_of(call, LISTING, [row]):
        shown["included"] = included
    return answer(shown)


async def update(call: Call) -> Response:
    """Another name, lifecycle, labels."""
    row = await need_in(call, apps, call.path(), "develop")
    body = await call.body(AppChange)
    values: dict[str, Any] = {}
    if body.name is not UNSET and body.name != row.name:
        check_name(body.name)
        await check_free(call.db, row.space_guid, body.name, but=row.guid)
        values["name"] = body.name
    if body.lifecycle is not UNSET:
        values |= columns(await checked(call.db, body.lifecycle))
    values |= merged_labels(row.labels, row.annotations, body.metadata)
    changed = (
        await call.db.execute(sa.update(apps).where(apps.c.guid == row.guid).values(values).returning(apps))
    ).one()
    await record(call.db, call.who, "audit.app.update", Target("app", row.guid, changed.name), space=row.space_guid)
    return answer(present_app(call, changed))


async def delete(call: Call) -> Response:
    """By a job."""
    row = await need_in(call, apps, call.path(), "develop")
    job = await enqueue(call.db, "app.delete", row.guid, {"user_name": call.who.name}, user=call.who.guid)
    return accepted(call, job)


ENDPOINTS = [
    Endpoint("GET", "/v3/apps", index),
    Endpoint("POST", "/v3/apps", create),
    Endpoint("GET", "/v3/apps/{guid}", show),
    Endpoint("PATCH", "/v3/apps/{guid}", update),
    Endpoint("DELETE", "/v3/apps/{guid}", delete),
]
