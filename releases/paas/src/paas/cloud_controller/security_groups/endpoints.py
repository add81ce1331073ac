"""``/v3/security_groups``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from sqlalchemy.dialects.postgresql import insert
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin, organization_powers, visible_spaces
from paas.cloud_controller.api.body import Body, ToMany
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer, empty
from paas.cloud_controller.api.errors import not_authorized, not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list, flag
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.api.present import resource, to_many
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import security_groups, security_groups_spaces, spaces
from paas.cloud_controller.security_groups.rules import Rule, checked
from paas.cloud_controller.spaces.endpoints import need_space

LINK = security_groups_spaces


def _bound(phase: str) -> Any:
    def condition(values: list[str]) -> sa.ColumnElement[bool]:
        select = sa.select(LINK.c.security_group_guid).where(LINK.c.space_guid.in_(values), LINK.c.phase == phase)
        return security_groups.c.guid.in_(select)

    return condition


LISTING = Listing(
    security_groups,
    {
        "names": among(security_groups.c.name),
        "globally_enabled_running": flag(security_groups.c.running_default),
        "globally_enabled_staging": flag(security_groups.c.staging_default),
        "running_space_guids": _bound("running"),
        "staging_space_guids": _bound("staging"),
    },
    order=("name",),
)


class Everywhere(Body, frozen=True, kw_only=True):
    """For all spaces."""

    running: bool | UnsetType = UNSET
    staging: bool | UnsetType = UNSET


class Relationships(Body, frozen=True, kw_only=True):
    """For which spaces."""

    running_spaces: ToMany = ToMany(data=[])
    staging_spaces: ToMany = ToMany(data=[])


class Content(Body, frozen=True, kw_only=True):
    """What a new one and a change have in common."""

    globally_enabled: Everywhere = Everywhere()
    rules: list[Rule] | UnsetType = UNSET


class Change(Content, frozen=True, kw_only=True):
    """What may be changed."""

    name: Name | UnsetType = UNSET


class Create(Content, frozen=True, kw_only=True):
    """A new group."""

    name: Name
    relationships: Relationships = Relationships()


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    select = sa.select(LINK).where(
        LINK.c.security_group_guid.in_([row.guid for row in rows]), LINK.c.space_guid.in_(visible_spaces(call.who))
    )
    used: dict[tuple[str, str], list[str]] = {}
    for row in (await call.db.execute(select)).all():
        used.setdefault((row.security_group_guid, row.phase), []).append(row.space_guid)
    return [
        resource(
            call,
            row,
            f"/v3/security_groups/{row.guid}",
            {
                "name": row.name,
                "globally_enabled": {"running": row.running_default, "staging": row.staging_default},
                "rules": row.rules,
            },
            {f"{phase}_spaces": to_many(used.get((row.guid, phase), [])) for phase in ("running", "staging")},
        )
        for row in rows
    ]


def _visible(call: Call) -> sa.ColumnElement[bool]:
    if call.who.sees_all:
        return sa.true()
    mine = sa.select(LINK.c.security_group_guid).where(LINK.c.space_guid.in_(visible_spaces(call.who)))
    everywhere = sa.or_(security_groups.c.running_default, security_groups.c.staging_default)
    return sa.or_(everywhere, security_groups.c.guid.in_(mine))


async def _row(call: Call) -> sa.Row[Any]:
    select = sa.select(security_groups).where(security_groups.c.guid == call.path(), _visible(call))
    row = (await call.db.execute(select)).first()
    if row is None:
        raise not_found("Security group")
    return row


async def _one(call: Call, row: sa.Row[Any], status: int = 200) -> Response:
    return answer((await _present_all(call, [row]))[0], status)


async def index(call: Call) -> Response:
    """Those that hold somewhere for the user."""
    return await answer_list(call, LISTING, sa.select(security_groups).where(_visible(call)), _present_all)


async def show(call: Call) -> Response:
    """One."""
    return await _one(call, await _row(call))


async def create(call: Call) -> Response:
    """Make one."""
    need_admin(call)
    body = await call.body(Create)
    await _free(call, body.name)
    put = sa.insert(security_groups).values({"name": body.name, **_values(body)}).returning(security_groups)
    row = (await call.db.execute(put)).one()
    await _bind(call, row.guid, "running", body.relationships.running_spaces.guids)
    await _bind(call, row.guid, "staging", body.relationships.staging_spaces.guids)
    return await _one(call, row, 201)


def _values(body: Content) -> dict[str, Any]:
    values: dict[str, Any] = {}
    if body.rules is not UNSET:
        values["rules"] = checked(body.rules)
    if body.globally_enabled.running is not UNSET:
        values["running_default"] = body.globally_enabled.running
    if body.globally_enabled.staging is not UNSET:
        values["staging_default"] = body.globally_enabled.staging
    return values


async def update(call: Call) -> Response:
    """Other rules hold for instances that are started from now on."""
    need_admin(call)
    row = await _row(call)
    body = await call.body(Change)
    values = _values(body)
    if body.name is not UNSET and body.name != row.name:
        await _free(call, body.name)
        values["name"] = body.name
    if values:
        change = sa.update(security_groups).where(security_groups.c.guid == row.guid).values(values)
        row = (await call.db.execute(change.returning(security_groups))).one()
    return await _one(call, row)


async def delete(call: Call) -> Response:
    """Delete it, as a job."""
    need_admin(call)
    row = await _row(call)
    return accepted(call, await enqueue(call.db, "security_group.delete", row.guid, user=call.who.guid))


async def delete_work(platform: Platform, job: Job) -> Outcome:
    """The job."""
    async with platform.database.begin() as db:
        await db.execute(sa.delete(security_groups).where(security_groups.c.guid == job.resource_guid))
    return Done()


async def bind(call: Call) -> Response:
    """Have it hold in these spaces too."""
    row = await _row(call)
    body = await call.body(ToMany)
    phase = call.path("phase").removesuffix("_spaces")
    if phase not in ("running", "staging"):
        raise not_found("Relationship")
    await _bind(call, row.guid, phase, body.guids)
    select = sa.select(LINK.c.space_guid).where(LINK.c.security_group_guid == row.guid, LINK.c.phase == phase)
    return answer(to_many(list(await call.db.scalars(select))))


async def unbind(call: Call) -> Response:
    """Have it hold in one space no more."""
    row = await _row(call)
    space = call.path("space")
    await _need_manager(call, [space])
    phase = call.path("phase").removesuffix("_spaces")
    gone = sa.delete(LINK).where(
        LINK.c.security_group_guid == row.guid, LINK.c.space_guid == space, LINK.c.phase == phase
    )
    if not (await call.db.execute(gone)).rowcount:
        raise unprocessable(
            f"Unable to unbind security group from space with guid '{space}'. "
            "Ensure the space is bound to this security group."
        )
    return empty()


async def _bind(call: Call, group: str, phase: str, guids: list[str]) -> None:
    if not guids:
        return
    await _need_manager(call, guids)
    rows = [{"security_group_guid": group, "space_guid": guid, "phase": phase} for guid in guids]
    await call.db.execute(insert(LINK).values(rows).on_conflict_do_nothing())


async def _need_manager(call: Call, guids: list[str]) -> None:
    select = sa.select(spaces.c.guid, spaces.c.organization_guid).where(
        spaces.c.guid.in_(guids), spaces.c.guid.in_(visible_spaces(call.who))
    )
    found = {row.guid: row.organization_guid for row in (await call.db.execute(select)).all()}
    if missing := [guid for guid in guids if guid not in found]:
        raise unprocessable(f"Spaces with guids {missing} do not exist, or you do not have access to them.")
    for organization in set(found.values()):
        powers = await organization_powers(call.db, call.who, organization)
        if powers is None or not powers.manage:
            raise not_authorized()


async def _of_space(call: Call, phase: str) -> Response:
    space = await need_space(call)
    everywhere = security_groups.c.running_default if phase == "running" else security_groups.c.staging_default
    mine = sa.select(LINK.c.security_group_guid).where(LINK.c.space_guid == space.guid, LINK.c.phase == phase)
    select = sa.select(security_groups).where(sa.or_(everywhere, security_groups.c.guid.in_(mine)))
    return await answer_list(call, LISTING, select, _present_all)


async def running(call: Call) -> Response:
    """What holds for running apps of a space."""
    return await _of_space(call, "running")


async def staging(call: Call) -> Response:
    """What holds while apps of a space are staged."""
    return await _of_space(call, "staging")


async def _free(call: Call, name: str) -> None:
    if await call.db.scalar(sa.select(security_groups.c.guid).where(security_groups.c.name == name)):
        raise uniqueness(f"Security group with name '{name}' already exists.")


ENDPOINTS = [
    Endpoint("GET", "/v3/security_groups", index),
    Endpoint("POST", "/v3/security_groups", create),
    Endpoint("GET", "/v3/security_groups/{guid}", show),
    Endpoint("PATCH", "/v3/security_groups/{guid}", update),
    Endpoint("DELETE", "/v3/security_groups/{guid}", delete),
    Endpoint("POST", "/v3/security_groups/{guid}/relationships/{phase}", bind),
    Endpoint("DELETE", "/v3/security_groups/{guid}/relationships/{phase}/{space}", unbind),
    Endpoint("GET", "/v3/spaces/{guid}/running_security_groups", running),
    Endpoint("GET", "/v3/spaces/{guid}/staging_security_groups", staging),
]
WORKS = {"security_group.delete": delete_work}
