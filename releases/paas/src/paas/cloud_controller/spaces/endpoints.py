"""``/v3/spaces``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need, organization_powers, space_powers, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, ToOne, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import not_authorized, not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_all, answer_list, included_of
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.schema import spaces
from paas.cloud_controller.spaces.present import included_organizations, present

LISTING = Listing(
    spaces,
    {"names": among(spaces.c.name), "organization_guids": among(spaces.c.organization_guid)},
    order=("name",),
    includes={"organization": included_organizations, "org": included_organizations},
)


class Relationships(Body, frozen=True, kw_only=True):
    """Whose space it is."""

    organization: ToOne


class Create(Body, frozen=True, kw_only=True):
    """A new space."""

    name: Name
    relationships: Relationships
    metadata: Metadata | UnsetType = UNSET


class Change(Body, frozen=True, kw_only=True):
    """What may be changed."""

    name: Name | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


class Feature(Body, frozen=True, kw_only=True):
    """A feature turned on or off."""

    enabled: bool


async def present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """As resources."""
    return [present(call, row) for row in rows]


async def need_space(call: Call, power: str = "read") -> sa.Row[Any]:
    """The space in the path; 404 or 403."""
    await need(call, call.path(), power)
    return (await call.db.execute(sa.select(spaces).where(spaces.c.guid == call.path()))).one()


async def index(call: Call) -> Response:
    """Those whose content the user reads."""
    select = sa.select(spaces).where(spaces.c.guid.in_(visible_spaces(call.who)))
    return await answer_list(call, LISTING, select, present_all)


async def show(call: Call) -> Response:
    """One."""
    row = await need_space(call)
    found = present(call, row)
    if included := await included_of(call, LISTING, [row]):
        found["included"] = included
    return answer(found)


async def create(call: Call) -> Response:
    """Make one; for managers of its organization."""
    body = await call.body(Create)
    organization = body.relationships.organization.data.guid
    powers = await organization_powers(call.db, call.who, organization)
    if powers is None or not powers.read:
        raise unprocessable("Invalid organization. Ensure the organization exists and you have access to it.")
    if not powers.manage:
        raise not_authorized(*(["The organization is suspended"] if powers.suspended else []))
    await _free(call, organization, body.name)
    values = {"name": body.name, "organization_guid": organization, **merged_labels({}, {}, body.metadata)}
    row = (await call.db.execute(sa.insert(spaces).values(values).returning(spaces))).one()
    await _tell(call, "create", row, {"name": row.name})
    return answer(present(call, row), 201)


async def update(call: Call) -> Response:
    """Rename, label."""
    row = await need_space(call, "manage")
    body = await call.body(Change)
    values: dict[str, Any] = merged_labels(row.labels, row.annotations, body.metadata)
    if body.name is not UNSET and body.name != row.name:
        await _free(call, row.organization_guid, body.name)
        values["name"] = body.name
    change = sa.update(spaces).where(spaces.c.guid == row.guid).values(values).returning(spaces)
    row = (await call.db.execute(change)).one()
    await _tell(call, "update", row, {"name": row.name} if "name" in values else {})
    return answer(present(call, row))


async def delete(call: Call) -> Response:
    """Delete it and all that is in it, as a job; for managers of its organization."""
    row = await need_space(call)
    powers = await organization_powers(call.db, call.who, row.organization_guid)
    if powers is None or not powers.manage:
        raise not_authorized()
    await _tell(call, "delete-request", row, {"recursive": True})
    return accepted(call, await enqueue(call.db, "space.delete", row.guid, user=call.who.guid))


def _feature(row: sa.Row[Any]) -> dict[str, Any]:
    return {"name": "ssh", "description": "Enable SSHing into apps in the space.", "enabled": row.ssh_enabled}


async def features(call: Call) -> Response:
    """All features of a space: one."""
    return answer({"features": [_feature(await need_space(call))]})


async def feature(call: Call) -> Response:
    """One feature."""
    row = await need_space(call)
    if call.path("name") != "ssh":
        raise not_found("Feature")
    return answer(_feature(row))


async def change_feature(call: Call) -> Response:
    """Turn it on or off."""
    row = await need_space(call, "manage")
    if call.path("name") != "ssh":
        raise not_found("Feature")
    body = await call.body(Feature)
    change = sa.update(spaces).where(spaces.c.guid == row.guid).values(ssh_enabled=body.enabled).returning(spaces)
    return answer(_feature((await call.db.execute(change)).one()))


async def isolation(call: Call) -> Response:
    """There are no isolation segments."""
    await need_space(call)
    path = f"/v3/spaces/{call.path()}/relationships/isolation_segment"
    return answer({"data": None, "links": {"self": call.link(path)}})


async def isolate(call: Call) -> Response:
    """Only none can be chosen."""
    await need_space(call)
    powers = await space_powers(call.db, call.who, call.path())
    if powers is None or not powers.manage:
        raise not_authorized()
    body = await call.body(dict[str, Any])
    if body.get("data") is not None:
        raise unprocessable("This platform has no isolation segments: data must be null")
    return await isolation(call)


async def no_segments(call: Call) -> Response:
    """There are none."""
    return answer_all(call, [])


async def no_segment(call: Call) -> Response:
    """None is found."""
    raise not_found("Isolation segment")


async def refuse_segment(call: Call) -> Response:
    """None can be made."""
    raise unprocessable("This platform has no isolation segments: all apps run on the same DEAs")


async def _free(call: Call, organization: str, name: str) -> None:
    taken = sa.select(spaces.c.guid).where(spaces.c.organization_guid == organization, spaces.c.name == name)
    if await call.db.scalar(taken):
        raise uniqueness("Name must be unique per organization")


async def _tell(call: Call, verb: str, row: sa.Row[Any], request: dict[str, Any]) -> None:
    target = Target("space", row.guid, row.name)
    await record(
        call.db,
        call.who,
        f"audit.space.{verb}",
        target,
        space=row.guid,
        organization=row.organization_guid,
        data={"request": request},
    )


ENDPOINTS = [
    Endpoint("GET", "/v3/spaces", index),
    Endpoint("POST", "/v3/spaces", create),
    Endpoint("GET", "/v3/spaces/{guid}", show),
    Endpoint("PATCH", "/v3/spaces/{guid}", update),
    Endpoint("DELETE", "/v3/spaces/{guid}", delete),
    Endpoint("GET", "/v3/spaces/{guid}/features", features),
    Endpoint("GET", "/v3/spaces/{guid}/features/{name}", feature),
    Endpoint("PATCH", "/v3/spaces/{guid}/features/{name}", change_feature),
    Endpoint("GET", "/v3/spaces/{guid}/relationships/isolation_segment", isolation),
    Endpoint("PATCH", "/v3/spaces/{guid}/relationships/isolation_segment", isolate),
    Endpoint("GET", "/v3/isolation_segments", no_segments),
    Endpoint("POST", "/v3/isolation_segments", refuse_segment),
    Endpoint("GET", "/v3/isolation_segments/{guid}", no_segment),
]
