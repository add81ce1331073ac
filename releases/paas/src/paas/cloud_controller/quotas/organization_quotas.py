"""``/v3/organization_quotas``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin, visible_organizations
from paas.cloud_controller.api.body import Body, ToMany
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.api.present import resource, to_many
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.quotas.limits import Apps, Domains, Routes, Services, merged, shown
from paas.cloud_controller.schema import organization_quotas, organizations

KINDS = ("apps", "services", "routes", "domains")
LISTING = Listing(
    organization_quotas,
    {
        "names": among(organization_quotas.c.name),
        "organization_guids": lambda values: organization_quotas.c.guid.in_(
            sa.select(organizations.c.quota_guid).where(organizations.c.guid.in_(values))
        ),
    },
    order=("name",),
)


class Relationships(Body, frozen=True, kw_only=True):
    """Whose quota it is."""

    organizations: ToMany = ToMany(data=[])


class Limits(Body, frozen=True, kw_only=True):
    """What a new one and a change have in common."""

    apps: Apps | UnsetType = UNSET
    services: Services | UnsetType = UNSET
    routes: Routes | UnsetType = UNSET
    domains: Domains | UnsetType = UNSET


class Change(Limits, frozen=True, kw_only=True):
    """What may be changed."""

    name: Name | UnsetType = UNSET


class Create(Limits, frozen=True, kw_only=True):
    """A new quota."""

    name: Name
    relationships: Relationships = Relationships()


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    select = sa.select(organizations.c.guid, organizations.c.quota_guid).where(
        organizations.c.quota_guid.in_([row.guid for row in rows]),
        organizations.c.guid.in_(visible_organizations(call.who)),
    )
    owners: dict[str, list[str]] = {}
    for row in (await call.db.execute(select)).all():
        owners.setdefault(row.quota_guid, []).append(row.guid)
    return [
        resource(
            call,
            row,
            f"/v3/organization_quotas/{row.guid}",
            {"name": row.name, **shown(row, KINDS)},
            {"organizations": to_many(owners.get(row.guid, []))},
        )
        for row in rows
    ]


async def _one(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    return (await _present_all(call, [row]))[0]


async def _row(call: Call) -> sa.Row[Any]:
    select = sa.select(organization_quotas).where(organization_quotas.c.guid == call.path())
    row = (await call.db.execute(select.where(_visible(call)))).first()
    if row is None:
        raise not_found("Organization quota")
    return row


def _visible(call: Call) -> sa.ColumnElement[bool]:
    if call.who.sees_all:
        return sa.true()
    mine = sa.select(organizations.c.quota_guid).where(organizations.c.guid.in_(visible_organizations(call.who)))
    return organization_quotas.c.guid.in_(mine)


async def index(call: Call) -> Response:
    """Those of the user's organizations."""
    return await answer_list(call, LISTING, sa.select(organization_quotas).where(_visible(call)), _present_all)


async def show(call: Call) -> Response:
    """One."""
    return answer(await _one(call, await _row(call)))


async def create(call: Call) -> Response:
    """Make one, and give it to organizations."""
    need_admin(call)
    body = await call.body(Create)
    await _free(call, body.name)
    put = sa.insert(organization_quotas).values(name=body.name, **merged(body, KINDS)).returning(organization_quotas)
    row = (await call.db.execute(put)).one()
    await _apply(call, row.guid, body.relationships.organizations.guids)
    return answer(await _one(call, row), 201)


async def update(call: Call) -> Response:
    """Other limits hold for what is asked from now on."""
    need_admin(call)
    row = await _row(call)
    body = await call.body(Change)
    values = merged(body, KINDS, row)
    if body.name is not UNSET and body.name != row.name:
        await _free(call, body.name)
        values["name"] = body.name
    if values:
        change = sa.update(organization_quotas).where(organization_quotas.c.guid == row.guid).values(values)
        row = (await call.db.execute(change.returning(organization_quotas))).one()
    return answer(await _one(call, row))


async def apply(call: Call) -> Response:
    """Give it to organizations, in place of what they have."""
    need_admin(call)
    row = await _row(call)
    body = await call.body(ToMany)
    await _apply(call, row.guid, body.guids)
    owners = sa.select(organizations.c.guid).where(organizations.c.quota_guid == row.guid)
    path = f"/v3/organization_quotas/{row.guid}/relationships/organizations"
    found = to_many(list(await call.db.scalars(owners)))
    return answer({**found, "links": {"self": call.link(path)}})


async def delete(call: Call) -> Response:
    """Delete one that no organization has."""
    need_admin(call)
    row = await _row(call)
    used = sa.select(organizations.c.guid).where(organizations.c.quota_guid == row.guid).limit(1)
    if await call.db.scalar(used):
        raise unprocessable(
            "This quota is applied to one or more organizations. Remove this quota from all organizations before deleting."
        )
    return accepted(call, await enqueue(call.db, "organization_quota.delete", row.guid, user=call.who.guid))


async def delete_work(platform: Platform, job: Job) -> Outcome:
    """The job."""
    async with platform.database.begin() as db:
        used = sa.exists().where(organizations.c.quota_guid == organization_quotas.c.guid)
        gone = sa.delete(organization_quotas).where(organization_quotas.c.guid == job.resource_guid, ~used)
        await db.execute(gone)
    return Done()


async def _apply(call: Call, quota: str, guids: list[str]) -> None:
    if not guids:
        return
    change = sa.update(organizations).where(organizations.c.guid.in_(guids)).values(quota_guid=quota)
    found = set(await call.db.scalars(change.returning(organizations.c.guid)))
    if missing := [guid for guid in guids if guid not in found]:
        raise unprocessable(f"Organizations with guids {missing} do not exist, or you do not have access to them.")


async def _free(call: Call, name: str) -> None:
    taken = sa.select(organization_quotas.c.guid).where(organization_quotas.c.name == name)
    if await call.db.scalar(taken):
        raise uniqueness(f"Organization Quota '{name}' already exists.")


ENDPOINTS = [
    Endpoint("GET", "/v3/organization_quotas", index),
    Endpoint("POST", "/v3/organization_quotas", create),
    Endpoint("GET", "/v3/organization_quotas/{guid}", show),
    Endpoint("PATCH", "/v3/organization_quotas/{guid}", update),
    Endpoint("DELETE", "/v3/organization_quotas/{guid}", delete),
    Endpoint("POST", "/v3/organization_quotas/{guid}/relationships/organizations", apply),
]
WORKS = {"organization_quota.delete": delete_work}
