"""``/v3/roles``."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from starlette.responses import Response

from paas.cloud_controller.api.access import (
    organization_powers,
    space_powers,
    visible_organizations,
    visible_spaces,
)
from paas.cloud_controller.api.body import Body, ToOne
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import not_authorized, not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.api.present import resource, to_one
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.roles.users import included_users, know_user, presentation_name
from paas.cloud_controller.schema import organizations, roles, spaces, users
from paas.cloud_controller.spaces.present import included, included_organizations

Type = Literal[
    "organization_user",
    "organization_auditor",
    "organization_manager",
    "organization_billing_manager",
    "space_auditor",
    "space_developer",
    "space_manager",
    "space_supporter",
]
NO_ROLE = "Users cannot be assigned roles in a space if they do not have a role in that space's organization."


async def _included_spaces(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    return await included(call, {row.space_guid for row in rows if row.space_guid}, organization_too=False)


LISTING = Listing(
    roles,
    {
        "types": among(roles.c.type),
        "user_guids": among(roles.c.user_guid),
        "organization_guids": among(roles.c.organization_guid),
        "space_guids": among(roles.c.space_guid),
    },
    includes={"user": included_users, "space": _included_spaces, "organization": included_organizations},
)


class User(Body, frozen=True, kw_only=True):
    """By guid, or by username (and origin)."""

    guid: Name | None = None
    username: Name | None = None
    origin: Name | None = None


class ToUser(Body, frozen=True, kw_only=True):
    """Who is given the role."""

    data: User


class Relationships(Body, frozen=True, kw_only=True):
    """Who, and where."""

    user: ToUser
    organization: ToOne | None = None
    space: ToOne | None = None


class Create(Body, frozen=True, kw_only=True):
    """A new role."""

    type: Type
    relationships: Relationships


def _present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    relationships = {
        "user": to_one(row.user_guid),
        "organization": to_one(row.organization_guid),
        "space": to_one(row.space_guid),
    }
    links: dict[str, Any] = {"user": f"/v3/users/{row.user_guid}"}
    if row.organization_guid:
        links["organization"] = f"/v3/organizations/{row.organization_guid}"
    if row.space_guid:
        links["space"] = f"/v3/spaces/{row.space_guid}"
    return resource(call, row, f"/v3/roles/{row.guid}", {"type": row.type}, relationships, links)


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [_present(call, row) for row in rows]


def _visible(call: Call) -> sa.ColumnElement[bool]:
    return sa.or_(
        roles.c.organization_guid.in_(visible_organizations(call.who)),
        roles.c.space_guid.in_(visible_spaces(call.who)),
    )


async def index(call: Call) -> Response:
    """Those of the organizations and spaces that the user knows of."""
    return await answer_list(call, LISTING, sa.select(roles).where(_visible(call)), _present_all)


async def show(call: Call) -> Response:
    """One."""
    return answer(_present(call, await _row(call)))


async def _row(call: Call) -> sa.Row[Any]:
    row = (await call.db.execute(sa.select(roles).where(roles.c.guid == call.path(), _visible(call)))).first()
    if row is None:
        raise not_found("Role")
    return row


async def create(call: Call) -> Response:
    """Give a user a role."""
    body = await call.body(Create)
    given, where = body.relationships, body.relationships
    if where.space is not None and where.organization is not None:
        raise unprocessable("Cannot specify both an organization and a space.")
    if where.space is None and where.organization is None:
        raise unprocessable("Must specify either a space or an organization.")
    if where.space is not None:
        if body.type.startswith("organization"):
            raise unprocessable(f"Space cannot be provided with the organization role type: '{body.type}'.")
        return await _space_role(call, body.type, given.user.data, where.space.data.guid)
    assert where.organization is not None
    if body.type.startswith("space"):
        raise unprocessable(f"Organization cannot be provided with the space role type: '{body.type}'.")
    return await _organization_role(call, body.type, given.user.data, where.organization.data.guid)


async def _organization_role(call: Call, type: str, given: User, guid: str) -> Response:
    powers = await organization_powers(call.db, call.who, guid)
    if powers is None or not powers.read:
        raise unprocessable("Invalid organization. Ensure that the organization exists and you have access to it.")
    if not powers.manage:
        raise not_authorized(*(["The organization is suspended"] if powers.suspended else []))
    user = await _user(call, given, in_space=False)
    name = await call.db.scalar(sa.select(organizations.c.name).where(organizations.c.guid == guid))
    return await _give(call, type, user, {"organization_guid": guid}, f"organization '{name}'", guid)


async def _space_role(call: Call, type: str, given: User, guid: str) -> Response:
    powers = await space_powers(call.db, call.who, guid)
    if powers is None or not powers.read:
        raise unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
    if not powers.manage:
        raise not_authorized(*(["The organization is suspended"] if powers.suspended else []))
    user = await _user(call, given, in_space=True)
    space = (await call.db.execute(sa.select(spaces).where(spaces.c.guid == guid))).one()
    belongs = sa.select(roles.c.guid).where(
        roles.c.user_guid == user.guid, roles.c.organization_guid == space.organization_guid
    )
    if await call.db.scalar(belongs.limit(1)) is None:
        raise unprocessable(NO_ROLE)
    return await _give(call, type, user, {"space_guid": guid}, f"space '{space.name}'", space.organization_guid)


async def _give(
    call: Call, type: str, user: sa.Row[Any], where: dict[str, str], place: str, organization: str
) -> Response:
    put = insert(roles).values(type=type, user_guid=user.guid, **where).on_conflict_do_nothing().returning(roles)
    row = (await call.db.execute(put)).first()
    if row is None:
        raise uniqueness(f"User '{presentation_name(user)}' already has '{type}' role in {place}.")
    await _tell(call, "add", row, user, organization)
    return answer(_present(call, row), 201)


async def _user(call: Call, given: User, *, in_space: bool) -> sa.Row[Any]:
    if given.guid is not None:
        if given.username is not None:
            raise unprocessable("Username cannot be specified when identifying user by guid")
        return await _by_guid(call, given.guid, in_space=in_space)
    if given.username is None:
        if given.origin is not None:
            raise unprocessable("User origin cannot be specified without specifying the username")
        raise unprocessable("User must have a username or guid specified")
    await need_flag(call.db, call.who, "set_roles_by_username")
    found = await call.platform.directory.by_name(given.username, given.origin or "")
    if len(found) > 1:
        origins = ", ".join(sorted(one.origin for one in found))
        raise unprocessable(
            f"Ambiguous user. User with username '{given.username}' exists in the following origins: {origins}. "
            "Specify an origin to disambiguate."
        )
    if not found:
        if in_space:
            raise unprocessable(NO_ROLE)
        origin = f" and origin '{given.origin}'" if given.origin else ""
        raise unprocessable(f"No user exists with the username '{given.username}'{origin}.")
    return await know_user(call.db, found[0].guid, found[0].username, found[0].origin)


async def _by_guid(call: Call, guid: str, *, in_space: bool) -> sa.Row[Any]:
    row = (await call.db.execute(sa.select(users).where(users.c.guid == guid))).first()
    if row is not None and row.username:
        return row
    person = (await call.platform.directory.by_guid([guid])).get(guid)
    if person is not None:
        return await know_user(call.db, guid, person.username, person.origin)
    if row is not None:
        return row  # a client that was made known by an admin
    raise unprocessable(NO_ROLE if in_space else "Invalid user. Ensure that the user exists and you have access to it.")


async def delete(call: Call) -> Response:
    """Take a role away, as a job."""
    row = await _row(call)
    if row.space_guid:
        powers = await space_powers(call.db, call.who, row.space_guid)
    else:
        powers = await organization_powers(call.db, call.who, row.organization_guid)
    if powers is None or not powers.manage:
        raise not_authorized(*(["The organization is suspended"] if powers and powers.suspended else []))
    if row.type == "organization_user":
        inside = sa.select(spaces.c.guid).where(spaces.c.organization_guid == row.organization_guid)
        still = sa.select(roles.c.guid).where(roles.c.user_guid == row.user_guid, roles.c.space_guid.in_(inside))
        if await call.db.scalar(still.limit(1)):
            raise unprocessable(
                "Cannot delete organization_user role while user has roles in spaces in that organization."
            )
    user = (await call.db.execute(sa.select(users).where(users.c.guid == row.user_guid))).one()
    await _tell(call, "remove", row, user, row.organization_guid)
    return accepted(call, await enqueue(call.db, "role.delete", row.guid, user=call.who.guid))


async def delete_work(platform: Platform, job: Job) -> Outcome:
    """The job."""
    async with platform.database.begin() as db:
        await db.execute(sa.delete(roles).where(roles.c.guid == job.resource_guid))
    return Done()


async def _tell(call: Call, verb: str, row: sa.Row[Any], user: sa.Row[Any], organization: str | None) -> None:
    await record(
        call.db,
        call.who,
        f"audit.user.{row.type}_{verb}",
        Target("user", user.guid, presentation_name(user)),
        space=row.space_guid,
        organization=organization,
        data={"request": {"type": row.type}},
    )


ENDPOINTS = [
    Endpoint("GET", "/v3/roles", index),
    Endpoint("POST", "/v3/roles", create),
    Endpoint("GET", "/v3/roles/{guid}", show),
    Endpoint("DELETE", "/v3/roles/{guid}", delete),
]
WORKS = {"role.delete": delete_work}
