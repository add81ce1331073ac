"""``POST /check_token``: what a token says, if it still holds; for clients with the authority ``uaa.resource``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.uaa.access import ADMIN
from paas.uaa.body import form
from paas.uaa.errors import insufficient_scope, invalid_request, invalid_token
from paas.uaa.service import uaa_of

RESOURCE = "uaa.resource"


async def check_token(request: Request) -> Response:
    """All claims; 400 ``invalid_token`` where it holds no more."""
    uaa, fields = uaa_of(request), await form(request)
    client = uaa.clients.authenticate(request.headers.get("authorization"), fields)
    if not {RESOURCE, ADMIN}.intersection(client.config.authorities):
        raise insufficient_scope((RESOURCE,))
    token = fields.get("token", "")
    if not token:
        raise invalid_request("The parameter token is missing")
    claims = await uaa.access.claims(token, status=400)
    wanted = set(fields.get("scopes", "").replace(",", " ").split())
    if not wanted <= claims.scope:
        raise invalid_token(f"Some requested scopes are missing: {','.join(sorted(wanted - claims.scope))}", 400)
    return JSONResponse(uaa.keys.payload(token), headers={"Cache-Control": "no-store"})


ROUTES = [(["POST"], "/check_token", check_token)]
