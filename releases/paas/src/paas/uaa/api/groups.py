"""``/Groups``: a group's name is a scope that its members may have."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.database.transaction import Transaction
from paas.uaa.api.page import SCHEMA, page_of, version_of
from paas.uaa.body import json
from paas.uaa.errors import invalid_resource
from paas.uaa.filter import Attribute
from paas.uaa.groups import (
    Group,
    Member,
    add_group,
    add_member,
    change_group,
    group_by_id,
    groups_of,
    members_of,
    remove_group,
    remove_member,
)
from paas.uaa.moment import moment
from paas.uaa.schema import groups
from paas.uaa.service import need, uaa_of

ATTRIBUTES = {
    "id": Attribute(groups.c.id),
    "displayname": Attribute(groups.c.name, folded=True),
    "created": Attribute(groups.c.created),
}
LONGEST_NAME = 255


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """A group as a client gives one."""

    displayName: str
    description: str | None = None
    members: list[Member] | None = None

    def name(self) -> str:
        """Checked: scopes are words in a list; UaaError 400."""
        name = self.displayName
        if not name or len(name) > LONGEST_NAME or not name.isprintable() or " " in name:
            raise invalid_resource("displayName must be one word of at most 255 characters")
        return name


def shown(group: Group, members: list[Member]) -> dict[str, Any]:
    """A group as JSON."""
    return {
        "id": group.id,
        "meta": {"version": group.version, "created": moment(group.created), "lastModified": moment(group.changed)},
        "displayName": group.name,
        "description": group.description,
        "members": msgspec.to_builtins(members),
        "zoneId": "uaa",
        "schemas": [SCHEMA],
    }


async def list_groups(request: Request) -> Response:
    """A page of those that the filter leaves."""
    await need(request, "scim.read")
    page = page_of(request, ATTRIBUTES, groups.c.id)

    async def work(transaction: Transaction) -> tuple[list[dict[str, Any]], int]:
        found, total = await groups_of(transaction, page.where, page.order, page.start - 1, page.count)
        members = await members_of(transaction, [group.id for group in found])
        return [shown(group, members[group.id]) for group in found], total

    return page.answer(*await uaa_of(request).database.run(work))


async def create_group(request: Request) -> Response:
    """201; 409 where the name is taken."""
    await need(request, "scim.write")
    body = await json(request, Body)
    name = body.name()

    async def work(transaction: Transaction) -> dict[str, Any]:
        group = await add_group(transaction, name, body.description or "")
        for member in body.members or []:
            await add_member(transaction, group.id, member)
        return await _whole(transaction, group)

    return JSONResponse(await uaa_of(request).database.run(work), 201)


async def get_group(request: Request) -> Response:
    """With its members."""
    await need(request, "scim.read")
    guid = request.path_params["guid"]

    async def work(transaction: Transaction) -> dict[str, Any]:
        return await _whole(transaction, await group_by_id(transaction, guid))

    return JSONResponse(await uaa_of(request).database.run(work))


async def put_group(request: Request) -> Response:
    """All of the group; members where they are given."""
    await need(request, "scim.write", "groups.update")
    guid, version = request.path_params["guid"], version_of(request, "PUT")
    body = await json(request, Body)
    name = body.name()

    async def work(transaction: Transaction) -> dict[str, Any]:
        group = await change_group(transaction, guid, name, body.description or "", version)
        if body.members is not None:
            wanted = {member.value for member in body.members}
            for member in (await members_of(transaction, [guid]))[guid]:
                if member.value not in wanted:
                    await remove_member(transaction, guid, member.value)
            for member in body.members:
                await add_member(transaction, guid, member)
        return await _whole(transaction, group)

    return JSONResponse(await uaa_of(request).database.run(work))


async def delete_group(request: Request) -> Response:
    """Answers with the group that was."""
    await need(request, "scim.write")
    guid = request.path_params["guid"]

    async def work(transaction: Transaction) -> dict[str, Any]:
        whole = await _whole(transaction, await group_by_id(transaction, guid))
        await remove_group(transaction, guid)
        return whole

    return JSONResponse(await uaa_of(request).database.run(work))


async def _whole(transaction: Transaction, group: Group) -> dict[str, Any]:
    return shown(group, (await members_of(transaction, [group.id]))[group.id])


ROUTES = [
    (["GET"], "/Groups", list_groups),
    (["POST"], "/Groups", create_group),
    (["GET"], "/Groups/{guid}", get_group),
    (["PUT"], "/Groups/{guid}", put_group),
    (["DELETE"], "/Groups/{guid}", delete_group),
]
