"""``/v3/space_quotas``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import organization_powers, visible_organizations, visible_spaces
from paas.cloud_controller.api.body import Body, ToMany, ToOne
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer, empty
from paas.cloud_controller.api.errors import not_authorized, not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.api.present import resource, to_many, to_one
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.quotas.limits import Apps, Routes, Services, merged, shown
from paas.cloud_controller.schema import roles, space_quotas, spaces

KINDS = ("apps", "services", "routes")
LISTING = Listing(
    space_quotas,
    {
        "names": among(space_quotas.c.name),
        "organization_guids": among(space_quotas.c.organization_guid),
        "space_guids": lambda values: space_quotas.c.guid.in_(
            sa.select(spaces.c.quota_guid).where(spaces.c.guid.in_(values))
        ),
    },
    order=("name",),
)


class Relationships(Body, frozen=True, kw_only=True):
    """Whose quota it is, and for which of its spaces."""

    organization: ToOne
    spaces: ToMany = ToMany(data=[])


class Limits(Body, frozen=True, kw_only=True):
    """What a new one and a change have in common."""

    apps: Apps | UnsetType = UNSET
    services: Services | UnsetType = UNSET
    routes: Routes | UnsetType = UNSET


class Change(Limits, frozen=True, kw_only=True):
    """What may be changed."""

    name: Name | UnsetType = UNSET


class Create(Limits, frozen=True, kw_only=True):
    """A new quota."""

    name: Name
    relationships: Relationships


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    select = sa.select(spaces.c.guid, spaces.c.quota_guid).where(
        spaces.c.quota_guid.in_([row.guid for row in rows]), spaces.c.guid.in_(visible_spaces(call.who))
    )
    used: dict[str, list[str]] = {}
    for row in (await call.db.execute(select)).all():
        used.setdefault(row.quota_guid, []).append(row.guid)
    return [
        resource(
            call,
            row,
            f"/v3/space_quotas/{row.guid}",
            {"name": row.name, **shown(row, KINDS)},
            {"organization": to_one(row.organization_guid), "spaces": to_many(used.get(row.guid, []))},
            {"organization": f"/v3/organizations/{row.organization_guid}"},
        )
        for row in rows
    ]


async def _one(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    return (await _present_all(call, [row]))[0]


def _visible(call: Call) -> sa.ColumnElement[bool]:
    if call.who.sees_all:
        return sa.true()
    managed = sa.select(roles.c.organization_guid).where(
        roles.c.user_guid == call.who.guid,
        roles.c.type == "organization_manager",
        roles.c.organization_guid.in_(visible_organizations(call.who)),
    )
    applied = sa.select(spaces.c.quota_guid).where(spaces.c.guid.in_(visible_spaces(call.who)))
    return sa.or_(space_quotas.c.organization_guid.in_(managed), space_quotas.c.guid.in_(applied))


async def _row(call: Call, *, manage: bool = False) -> sa.Row[Any]:
    select = sa.select(space_quotas).where(space_quotas.c.guid == call.path(), _visible(call))
    row = (await call.db.execute(select)).first()
    if row is None:
        raise not_found("Space quota")
    if manage:
        await _need_manager(call, row.organization_guid)
    return row


async def _need_manager(call: Call, organization: str) -> None:
    powers = await organization_powers(call.db, call.who, organization)
    if powers is None or not powers.read:
        raise unprocessable(f"Organization with guid '{organization}' does not exist, or you do not have access to it.")
    if not powers.manage:
        raise not_authorized(*(["The organization is suspended"] if powers.suspended else []))


async def index(call: Call) -> Response:
    """Those that the user manages, and those of the user's spaces."""
    return await answer_list(call, LISTING, sa.select(space_quotas).where(_visible(call)), _present_all)


async def show(call: Call) -> Response:
    """One."""
    return answer(await _one(call, await _row(call)))


async def create(call: Call) -> Response:
    """Make one in an organization, and give it to spaces of it."""
    body = await call.body(Create)
    organization = body.relationships.organization.data.guid
    await _need_manager(call, organization)
    await _free(call, organization, body.name)
    values = {"name": body.name, "organization_guid": organization, **merged(body, KINDS)}
    row = (await call.db.execute(sa.insert(space_quotas).values(values).returning(space_quotas))).one()
    await _apply(call, row, body.relationships.spaces.guids)
    return answer(await _one(call, row), 201)


async def update(call: Call) -> Response:
    """Other limits hold for what is asked from now on."""
    row = await _row(call, manage=True)
    body = await call.body(Change)
    values = merged(body, KINDS, row)
    if body.name is not UNSET and body.name != row.name:
        await _free(call, row.organization_guid, body.name)
        values["name"] = body.name
    if values:
        change = sa.update(space_quotas).where(space_quotas.c.guid == row.guid).values(values)
        row = (await call.db.execute(change.returning(space_quotas))).one()
    return answer(await _one(call, row))


async def apply(call: Call) -> Response:
    """Give it to spaces, in place of what they have."""
    row = await _row(call, manage=True)
    body = await call.body(ToMany)
    await _apply(call, row, body.guids)
    used = sa.select(spaces.c.guid).where(spaces.c.quota_guid == row.guid)
    path = f"/v3/space_quotas/{row.guid}/relationships/spaces"
    return answer({**to_many(list(await call.db.scalars(used))), "links": {"self": call.link(path)}})


async def remove(call: Call) -> Response:
    """Take it from one space."""
    row = await _row(call, manage=True)
    space = call.path("space")
    change = sa.update(spaces).where(spaces.c.guid == space, spaces.c.quota_guid == row.guid).values(quota_guid=None)
    if not (await call.db.execute(change)).rowcount:
        raise unprocessable(
            f"Unable to remove quota from space with guid '{space}'. Ensure the space quota is applied to this space."
        )
    return empty()


async def delete(call: Call) -> Response:
    """Delete it; the spaces that had it have none then."""
    row = await _row(call, manage=True)
    return accepted(call, await enqueue(call.db, "space_quota.delete", row.guid, user=call.who.guid))


async def delete_work(platform: Platform, job: Job) -> Outcome:
    """The job."""
    async with platform.database.begin() as db:
        await db.execute(sa.delete(space_quotas).where(space_quotas.c.guid == job.resource_guid))
    return Done()


async def _apply(call: Call, row: sa.Row[Any], guids: list[str]) -> None:
    if not guids:
        return
    readable = spaces.c.guid.in_(visible_spaces(call.who))
    select = sa.select(spaces.c.guid, spaces.c.organization_guid).where(spaces.c.guid.in_(guids), readable)
    found = {one.guid: one.organization_guid for one in (await call.db.execute(select)).all()}
    if missing := [guid for guid in guids if guid not in found]:
        raise unprocessable(f"Spaces with guids {missing} do not exist, or you do not have access to them.")
    if any(owner != row.organization_guid for owner in found.values()):
        raise unprocessable("Space quotas cannot be applied outside of their owning organization.")
    await call.db.execute(sa.update(spaces).where(spaces.c.guid.in_(guids)).values(quota_guid=row.guid))


async def _free(call: Call, organization: str, name: str) -> None:
    taken = sa.select(space_quotas.c.guid).where(
        space_quotas.c.organization_guid == organization, space_quotas.c.name == name
    )
    if await call.db.scalar(taken):
        raise uniqueness(f"Space Quota '{name}' already exists.")


ENDPOINTS = [
    Endpoint("GET", "/v3/space_quotas", index),
    Endpoint("POST", "/v3/space_quotas", create),
    Endpoint("GET", "/v3/space_quotas/{guid}", show),
    Endpoint("PATCH", "/v3/space_quotas/{guid}", update),
    Endpoint("DELETE", "/v3/space_quotas/{guid}", delete),
    Endpoint("POST", "/v3/space_quotas/{guid}/relationships/spaces", apply),
    Endpoint("DELETE", "/v3/space_quotas/{guid}/relationships/spaces/{space}", remove),
]
WORKS = {"space_quota.delete": delete_work}
