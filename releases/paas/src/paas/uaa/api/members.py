"""``/Groups/G/members``."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.database.transaction import Transaction
from paas.uaa.body import json
from paas.uaa.errors import scim
from paas.uaa.groups import Member, add_member, group_by_id, members_of, remove_member
from paas.uaa.service import need, uaa_of


async def list_members(request: Request) -> Response:
    """All of them."""
    await need(request, "scim.read")
    guid = request.path_params["guid"]

    async def work(transaction: Transaction) -> list[Member]:
        await group_by_id(transaction, guid)
        return (await members_of(transaction, [guid]))[guid]

    return JSONResponse(msgspec.to_builtins(await uaa_of(request).database.run(work)))


async def post_member(request: Request) -> Response:
    """201; 409 where it is one already."""
    await need(request, "scim.write", "groups.update")
    guid, member = request.path_params["guid"], await json(request, Member)

    async def work(transaction: Transaction) -> bool:
        await group_by_id(transaction, guid)
        return await add_member(transaction, guid, member)

    if not await uaa_of(request).database.run(work):
        raise scim(409, "member_already_exists", f"{member.value} is a member of the group already")
    return JSONResponse(msgspec.to_builtins(member), 201)


async def delete_member(request: Request) -> Response:
    """Answers with the member that was."""
    await need(request, "scim.write", "groups.update")
    guid, value = request.path_params["guid"], request.path_params["member"]

    async def work(transaction: Transaction) -> Member | None:
        await group_by_id(transaction, guid)
        return await remove_member(transaction, guid, value)

    member = await uaa_of(request).database.run(work)
    if member is None:
        raise scim(404, "scim_resource_not_found", f"{value} is not a member of the group")
    return JSONResponse(msgspec.to_builtins(member))


ROUTES = [
    (["GET"], "/Groups/{guid}/members", list_members),
    (["POST"], "/Groups/{guid}/members", post_member),
    (["DELETE"], "/Groups/{guid}/members/{member}", delete_member),
]
