"""``PUT /Users/G/password``: one's own by the old one, others' by ``uaa.admin``."""

from __future__ import annotations

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.database.transaction import Transaction
from paas.uaa.access import ADMIN
from paas.uaa.api.users import invalid_password, valid_password
from paas.uaa.body import json
from paas.uaa.errors import bad_credentials, insufficient_scope, invalid_resource
from paas.uaa.refresh_tokens import revoke_all_refresh
from paas.uaa.service import need, uaa_of
from paas.uaa.users import ORIGIN, set_password, user_by_id

log = structlog.get_logger("uaa")


class Body(msgspec.Struct, frozen=True, kw_only=True):
    """Of the request."""

    password: str
    oldPassword: str | None = None


async def put_password(request: Request) -> Response:
    """Refresh tokens of before hold no more."""
    guid, uaa = request.path_params["guid"], uaa_of(request)
    claims = await need(request, "password.write", self_id=guid)
    own = claims.user_id == guid
    if not own and not claims.allows(ADMIN):
        raise insufficient_scope((ADMIN,))
    body = await json(request, Body)
    user = await uaa.database.run(lambda transaction: user_by_id(transaction, guid))
    if user.origin != ORIGIN:
        raise invalid_resource(f"The password of a user of origin {user.origin} is not kept here")
    valid_password(body.password)
    if own or body.oldPassword:
        wrong = "Old password is incorrect"
        if not body.oldPassword:
            raise bad_credentials(wrong)
        await uaa.login.check(user.name, body.oldPassword, wrong)
        if body.oldPassword == body.password:
            raise invalid_password("Your new password cannot be the same as the old password.")
    kept = await uaa.passwords.hash(body.password)

    async def work(transaction: Transaction) -> None:
        await set_password(transaction, guid, kept)
        await revoke_all_refresh(transaction, guid)

    await uaa.database.run(work)
    log.info("password_changed", user=guid, by=claims.sub)
    return JSONResponse({"status": "ok", "message": "password updated"})


ROUTES = [(["PUT"], "/Users/{guid}/password", put_password)]
