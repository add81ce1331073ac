"""``/Users``: SCIM 1 as UAA has it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.database.transaction import Transaction
from paas.uaa.api.page import SCHEMA, page_of, version_of
from paas.uaa.body import json
from paas.uaa.errors import invalid_resource
from paas.uaa.filter import Attribute
from paas.uaa.groups import Membership, memberships
from paas.uaa.moment import moment
from paas.uaa.passwords import LONGEST
from paas.uaa.schema import users
from paas.uaa.service import need, uaa_of
from paas.uaa.users import ORIGIN, User, UserFields, add_user, change_user, remove_user, user_by_id, users_of

ATTRIBUTES = {
    "id": Attribute(users.c.id),
    "username": Attribute(users.c.name, folded=True),
    "origin": Attribute(users.c.origin),
    "email": Attribute(users.c.email, folded=True),
    "emails.value": Attribute(users.c.email, folded=True),
    "externalid": Attribute(users.c.external_id),
    "givenname": Attribute(users.c.given_name, folded=True),
    "name.givenname": Attribute(users.c.given_name, folded=True),
    "familyname": Attribute(users.c.family_name, folded=True),
    "name.familyname": Attribute(users.c.family_name, folded=True),
    "active": Attribute(users.c.active),
    "verified": Attribute(users.c.verified),
    "created": Attribute(users.c.created),
}
NAME = re.compile(r"[\w+\-.@'!]+")
LONGEST_NAME = 255


class Name(msgspec.Struct, frozen=True):
    """Of a user."""

    givenName: str | None = None
    familyName: str | None = None


class Email(msgspec.Struct, frozen=True):
    """Of a user."""

    value: str
    primary: bool | None = None


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A user as a client gives one."""

    userName: str
    password: str | None = None
    origin: str | None = None
    externalId: str | None = None
    name: Name | None = None
    emails: list[Email] = []
    active: bool | None = None
    verified: bool | None = None

    def fields(self) -> UserFields:
        """Checked; UaaError 400."""
        if not NAME.fullmatch(self.userName) or len(self.userName) > LONGEST_NAME:
            raise invalid_resource(
                "Username must match pattern: [\\p{L}+0-9+\\-_.@'!]+ and have at most 255 characters."
            )
        if len(self.emails) != 1:
            raise invalid_resource("Exactly one email must be provided.")
        email = self.emails[0].value
        if not email.strip() or "\0" in email:
            raise invalid_resource("An email must not be empty.")
        name = self.name or Name()
        return UserFields(
            name=self.userName,
            origin=self.origin or ORIGIN,
            external_id=self.externalId or "",
            given_name=name.givenName or "",
            family_name=name.familyName or "",
            email=email,
            active=self.active is not False,
            verified=self.verified is not False,
        )


def shown(user: User, groups: list[Membership]) -> dict[str, Any]:
    """A user as JSON."""
    return {
        "id": user.id,
        "externalId": user.external_id,
        "meta": {"version": user.version, "created": moment(user.created), "lastModified": moment(user.changed)},
        "userName": user.name,
        "name": {"familyName": user.family_name, "givenName": user.given_name},
        "emails": [{"value": user.email, "primary": False}],
        "groups": msgspec.to_builtins(groups),
        "approvals": [],
        "active": user.active,
        "verified": user.verified,
        "origin": user.origin,
        "zoneId": "uaa",
        "passwordLastModified": moment(user.password_changed),
        "previousLogonTime": int(user.previous_logon.timestamp() * 1000) if user.previous_logon else None,
        "lastLogonTime": int(user.last_logon.timestamp() * 1000) if user.last_logon else None,
        "schemas": [SCHEMA],
    }


def valid_password(password: str) -> str:
    """The password; UaaError 422 where it cannot be one."""
    if not password:
        raise invalid_password("Password must be at least 1 characters in length.")
    if len(password) > LONGEST:
        raise invalid_password(f"Password must be no more than {LONGEST} characters in length.")
    return password


def invalid_password(text: str) -> Exception:
    """For a password that is refused."""
    error = invalid_resource(text)
    error.status, error.error = 422, "invalid_password"
    return error


async def list_users(request: Request) -> Response:
    """A page of those that the filter leaves."""
    await need(request, "scim.read")
    page = page_of(request, ATTRIBUTES, users.c.id)

    async def work(transaction: Transaction) -> tuple[list[dict[str, Any]], int]:
        found, total = await users_of(transaction, page.where, page.order, page.start - 1, page.count)
        groups = await memberships(transaction, [user.id for user in found])
        return [shown(user, groups[user.id]) for user in found], total

    return page.answer(*await uaa_of(request).database.run(work))


async def ids(request: Request) -> Response:
    """``/ids/Users``: names by ids and ids by names, nothing else."""
    await need(request, "scim.userids", "scim.read")
    page = page_of(request, ATTRIBUTES, users.c.id)

    async def work(transaction: Transaction) -> tuple[list[dict[str, Any]], int]:
        found, total = await users_of(transaction, page.where, page.order, page.start - 1, page.count)
        return [{"id": user.id, "userName": user.name, "origin": user.origin} for user in found], total

    return page.answer(*await uaa_of(request).database.run(work))


async def create_user(request: Request) -> Response:
    """201; 409 where the name is taken."""
    await need(request, "scim.write", "scim.create")
    body = await json(request, Body)
    fields, uaa = body.fields(), uaa_of(request)
    kept = None
    if fields.origin == ORIGIN:
        kept = await uaa.passwords.hash(valid_password(body.password or ""))
    user = await uaa.database.run(lambda transaction: add_user(transaction, fields, kept))
    return JSONResponse(shown(user, []), 201, {"ETag": f'"{user.version}"'})


async def get_user(request: Request) -> Response:
    """One's own needs no scope."""
    guid = request.path_params["guid"]
    await need(request, "scim.read", self_id=guid)
    return await _one(request, lambda transaction: user_by_id(transaction, guid))


async def put_user(request: Request) -> Response:
    """All of the user but the password and the origin."""
    await need(request, "scim.write")
    guid, version = request.path_params["guid"], version_of(request, "PUT")
    fields = (await json(request, Body)).fields()

    async def work(transaction: Transaction) -> User:
        origin = (await user_by_id(transaction, guid)).origin
        return await change_user(transaction, guid, msgspec.structs.replace(fields, origin=origin), version)

    return await _one(request, work)


async def delete_user(request: Request) -> Response:
    """Answers with the user that was."""
    await need(request, "scim.write")
    guid = request.path_params["guid"]

    async def work(transaction: Transaction) -> dict[str, Any]:
        user = await user_by_id(transaction, guid)
        groups = await memberships(transaction, [guid])
        await remove_user(transaction, guid)
        return shown(user, groups[guid])

    return JSONResponse(await uaa_of(request).database.run(work))


async def _one(request: Request, work: Callable[[Transaction], Awaitable[User]]) -> Response:
    async def with_groups(transaction: Transaction) -> tuple[User, list[Membership]]:
        user = await work(transaction)
        return user, (await memberships(transaction, [user.id]))[user.id]

    user, groups = await uaa_of(request).database.run(with_groups)
    return JSONResponse(shown(user, groups), headers={"ETag": f'"{user.version}"'})


ROUTES = [
    (["GET"], "/Users", list_users),
    (["POST"], "/Users", create_user),
    (["GET"], "/Users/{guid}", get_user),
    (["PUT"], "/Users/{guid}", put_user),
    (["DELETE"], "/Users/{guid}", delete_user),
    (["GET"], "/ids/Users", ids),
]
