"""``/v3/organizations``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import Powers, need_admin, organization_powers, visible_organizations
from paas.cloud_controller.api.body import Body, Metadata, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import not_authorized, not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.organizations.present import present
from paas.cloud_controller.roles.users import know_user
from paas.cloud_controller.schema import organization_quotas, organizations, roles
from paas.cloud_controller.seed.start import DEFAULT_QUOTA

LISTING = Listing(
    organizations,
    {
        "names": among(organizations.c.name),
        "isolation_segment_guids": lambda _: sa.false(),
    },
    order=("name",),
)


class Create(Body, frozen=True, kw_only=True):
    """A new organization."""

    name: Name
    suspended: bool = False
    metadata: Metadata | UnsetType = UNSET


class Change(Body, frozen=True, kw_only=True):
    """What may be changed."""

    name: Name | UnsetType = UNSET
    suspended: bool | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


async def present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """As resources."""
    return [present(call, row) for row in rows]


async def need_organization(
    call: Call, guid: str, *, manage: bool = False, admin: bool = False
) -> tuple[sa.Row[Any], Powers]:
    """The row and what the user may do; 404 where it may not be seen, 403 where more is needed."""
    row = (await call.db.execute(sa.select(organizations).where(organizations.c.guid == guid))).first()
    powers = await organization_powers(call.db, call.who, guid)
    if row is None or powers is None or not powers.read:
        raise not_found("Organization")
    if (manage and not powers.manage) or (admin and not call.who.admin):
        raise not_authorized(*(["The organization is suspended"] if powers.suspended else []))
    return row, powers


async def index(call: Call) -> Response:
    """Those that the user knows of."""
    select = sa.select(organizations).where(organizations.c.guid.in_(visible_organizations(call.who)))
    return await answer_list(call, LISTING, select, present_all)


async def show(call: Call) -> Response:
    """One."""
    row, _ = await need_organization(call, call.path())
    return answer(present(call, row))


async def create(call: Call) -> Response:
    """Make one; whoever is no admin becomes its manager, where the flag allows it at all."""
    body = await call.body(Create)
    if not call.who.admin:
        await need_flag(call.db, call.who, "user_org_creation")
        if body.suspended:
            raise not_authorized()
    await _free(call, body.name, f"Organization '{body.name}' already exists.")
    quota = await call.db.scalar(
        sa.select(organization_quotas.c.guid).where(organization_quotas.c.name == DEFAULT_QUOTA)
    )
    values = {
        "name": body.name,
        "suspended": body.suspended,
        "quota_guid": quota,
        **merged_labels({}, {}, body.metadata),
    }
    row = (await call.db.execute(sa.insert(organizations).values(values).returning(organizations))).one()
    if not call.who.admin:
        await know_user(call.db, call.who.guid, call.who.name)
        held = ("organization_user", "organization_manager")
        await call.db.execute(
            sa.insert(roles).values(
                [{"type": one, "user_guid": call.who.guid, "organization_guid": row.guid} for one in held]
            )
        )
    await _tell(call, "create", row, {"name": row.name})
    return answer(present(call, row), 201)


async def update(call: Call) -> Response:
    """Rename, suspend, label."""
    row, _ = await need_organization(call, call.path(), manage=True)
    body = await call.body(Change)
    values: dict[str, Any] = merged_labels(row.labels, row.annotations, body.metadata)
    if body.name is not UNSET and body.name != row.name:
        await _free(call, body.name, f"Organization name '{body.name}' is already taken.")
        values["name"] = body.name
    if body.suspended is not UNSET and body.suspended != row.suspended:
        need_admin(call)
        values["suspended"] = body.suspended
    change = sa.update(organizations).where(organizations.c.guid == row.guid).values(values)
    row = (await call.db.execute(change.returning(organizations))).one()
    await _tell(call, "update", row, {name: values[name] for name in ("name", "suspended") if name in values})
    return answer(present(call, row))


async def delete(call: Call) -> Response:
    """Delete it and all that is in it, as a job."""
    row, _ = await need_organization(call, call.path(), admin=True)
    await _tell(call, "delete-request", row, {"recursive": True})
    return accepted(call, await enqueue(call.db, "organization.delete", row.guid, user=call.who.guid))


async def isolation(call: Call) -> Response:
    """There are no isolation segments."""
    await need_organization(call, call.path())
    return answer({"data": None, "links": {"self": call.link(_isolation_path(call))}})


async def isolate(call: Call) -> Response:
    """Only none can be the default."""
    await need_organization(call, call.path(), manage=True)
    body = await call.body(dict[str, Any])
    if body.get("data") is not None:
        raise unprocessable("This platform has no isolation segments: data must be null")
    return answer({"data": None, "links": {"self": call.link(_isolation_path(call))}})


def _isolation_path(call: Call) -> str:
    return f"/v3/organizations/{call.path()}/relationships/default_isolation_segment"


async def _free(call: Call, name: str, otherwise: str) -> None:
    if await call.db.scalar(sa.select(organizations.c.guid).where(organizations.c.name == name)):
        raise uniqueness(otherwise)


async def _tell(call: Call, verb: str, row: sa.Row[Any], request: dict[str, Any]) -> None:
    target = Target("organization", row.guid, row.name)
    await record(
        call.db, call.who, f"audit.organization.{verb}", target, organization=row.guid, data={"request": request}
    )


ENDPOINTS = [
    Endpoint("GET", "/v3/organizations", index),
    Endpoint("POST", "/v3/organizations", create),
    Endpoint("GET", "/v3/organizations/{guid}", show),
    Endpoint("PATCH", "/v3/organizations/{guid}", update),
    Endpoint("DELETE", "/v3/organizations/{guid}", delete),
    Endpoint("GET", "/v3/organizations/{guid}/relationships/default_isolation_segment", isolation),
    Endpoint("PATCH", "/v3/organizations/{guid}/relationships/default_isolation_segment", isolate),
]
