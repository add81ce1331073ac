"""``/v3/users``: who is known here. Accounts and passwords are the UAA's."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin, visible_organizations, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import ApiError, not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Filter, Listing, Rows, among, answer_list
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.organizations.endpoints import need_organization
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.roles.directory import Person
from paas.cloud_controller.roles.users import know_user, present
from paas.cloud_controller.schema import roles, spaces, users
from paas.cloud_controller.spaces.endpoints import need_space


def _like(values: list[str]) -> sa.ColumnElement[bool]:
    return sa.or_(*[users.c.username.icontains(value, autoescape=True) for value in values])


def _lower(column: sa.Column[Any]) -> Filter:
    return lambda values: sa.func.lower(column).in_([value.lower() for value in values])


LISTING = Listing(
    users,
    {"usernames": _lower(users.c.username), "origins": among(users.c.origin), "partial_usernames": _like},
    order=("username",),
)


class Create(Body, frozen=True, kw_only=True):
    """A user by guid, or by name and origin."""

    guid: Name | None = None
    username: Name | None = None
    origin: Name | None = None
    metadata: Metadata | UnsetType = UNSET


class Change(Body, frozen=True, kw_only=True):
    """What may be changed here: labels."""

    metadata: Metadata | UnsetType = UNSET


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [present(call, row) for row in rows]


def _visible(call: Call) -> sa.ColumnElement[bool]:
    if call.who.sees_all:
        return sa.true()
    mine = sa.select(roles.c.user_guid).where(
        sa.or_(
            roles.c.organization_guid.in_(visible_organizations(call.who)),
            roles.c.space_guid.in_(visible_spaces(call.who)),
        )
    )
    return sa.or_(users.c.guid == call.who.guid, users.c.guid.in_(mine))


async def index(call: Call) -> Response:
    """Those with whom the user shares an organization."""
    return await answer_list(call, LISTING, sa.select(users).where(_visible(call)), _present_all)


async def show(call: Call) -> Response:
    """One."""
    return answer(present(call, await _row(call)))


async def _row(call: Call) -> sa.Row[Any]:
    row = (await call.db.execute(sa.select(users).where(users.c.guid == call.path(), _visible(call)))).first()
    if row is None:
        raise not_found("User")
    return row


async def create(call: Call) -> Response:
    """Make a user known here; the account is made at the UAA first."""
    need_admin(call)
    body = await call.body(Create)
    if (body.guid is None) == (body.username is None):
        raise unprocessable("Either guid, or username and origin, must be given")
    person = await _person(call, body)
    guid = person.guid if person is not None else str(body.guid)
    if await call.db.scalar(sa.select(users.c.guid).where(users.c.guid == guid)):
        if body.username:
            raise uniqueness(f"User with username '{body.username}' and origin '{body.origin}' already exists.")
        raise uniqueness(f"User with guid '{guid}' already exists.")
    row = await know_user(call.db, guid, *((person.username, person.origin) if person else ()))
    labelled = sa.update(users).where(users.c.guid == guid).values(merged_labels({}, {}, body.metadata))
    row = (await call.db.execute(labelled.returning(users))).one()
    return answer(present(call, row), 201)


async def _person(call: Call, body: Create) -> Person | None:
    directory = call.platform.directory
    if body.username is not None:
        if body.origin is None:
            raise unprocessable("origin is required with username")
        found = await directory.by_name(body.username, body.origin)
        if not found:
            raise unprocessable(f"No user exists with the username '{body.username}' and origin '{body.origin}'.")
        return found[0]
    try:
        return (await directory.by_guid([str(body.guid)])).get(str(body.guid))
    except ApiError:
        return None  # a client's id, or a name that is looked up the next time


async def update(call: Call) -> Response:
    """Label."""
    need_admin(call)
    row = await _row(call)
    body = await call.body(Change)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    change = sa.update(users).where(users.c.guid == row.guid).values(values).returning(users)
    return answer(present(call, (await call.db.execute(change)).one()))


async def delete(call: Call) -> Response:
    """Forget the user and all roles, as a job."""
    need_admin(call)
    row = await _row(call)
    return accepted(call, await enqueue(call.db, "user.delete", row.guid, user=call.who.guid))


async def delete_work(platform: Platform, job: Job) -> Outcome:
    """The job: roles go with the user."""
    async with platform.database.begin() as db:
        await db.execute(sa.delete(users).where(users.c.guid == job.resource_guid))
    return Done()


async def of_organization(call: Call) -> Response:
    """Who has a role in the organization."""
    row, _ = await need_organization(call, call.path())
    mine = sa.select(roles.c.user_guid).where(roles.c.organization_guid == row.guid)
    return await answer_list(call, LISTING, sa.select(users).where(users.c.guid.in_(mine)), _present_all)


async def of_space(call: Call) -> Response:
    """Who has a role in the space, or manages its organization."""
    row = await need_space(call)
    owner = sa.select(spaces.c.organization_guid).where(spaces.c.guid == row.guid).scalar_subquery()
    manages = sa.and_(roles.c.organization_guid == owner, roles.c.type == "organization_manager")
    mine = sa.select(roles.c.user_guid).where(sa.or_(roles.c.space_guid == row.guid, manages))
    return await answer_list(call, LISTING, sa.select(users).where(users.c.guid.in_(mine)), _present_all)


ENDPOINTS = [
    Endpoint("GET", "/v3/users", index),
    Endpoint("POST", "/v3/users", create),
    Endpoint("GET", "/v3/users/{guid}", show),
    Endpoint("PATCH", "/v3/users/{guid}", update),
    Endpoint("DELETE", "/v3/users/{guid}", delete),
    Endpoint("GET", "/v3/organizations/{guid}/users", of_organization),
    Endpoint("GET", "/v3/spaces/{guid}/users", of_space),
]
WORKS = {"user.delete": delete_work}
