"""``DELETE /oauth/token/revoke/JTI``: an access token or a refresh token, by its name, holds no more."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.database.transaction import Transaction
from paas.uaa.access import ADMIN
from paas.uaa.errors import UaaError
from paas.uaa.refresh_tokens import revoke_refresh
from paas.uaa.revocation import revoke_access
from paas.uaa.service import uaa_of

OTHERS = (ADMIN, "tokens.revoke")


async def revoke(request: Request) -> Response:
    """Everybody may revoke their own; others' need ``tokens.revoke``. A refresh token takes all of its log-in with it."""
    uaa, jti = uaa_of(request), request.path_params["jti"]
    claims = await uaa.access.anybody(request.headers.get("authorization"))
    others = claims.allows(*OTHERS)

    async def work(transaction: Transaction) -> bool:
        if jti == claims.jti:
            await revoke_access(transaction, jti, max(1, claims.exp - claims.iat))
            return True
        if (others or claims.user_id) and await revoke_refresh(transaction, jti, None if others else claims.user_id):
            return True
        if others:
            longest = [client.access_token_seconds for client in uaa.config.clients.values()]
            await revoke_access(transaction, jti, max([uaa.config.access_token_seconds, *longest]))
        return others

    if not await uaa.database.run(work):
        raise UaaError(404, "not_found", "There is no such token of yours")
    return JSONResponse({})


ROUTES = [(["DELETE"], "/oauth/token/revoke/{jti}", revoke)]
