"""``POST /oauth/token``."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.uaa.body import form
from paas.uaa.grants import grant
from paas.uaa.service import uaa_of


async def token(request: Request) -> Response:
    """Tokens by one of the grants; the client says who it is by a header or in the form."""
    uaa, fields = uaa_of(request), await form(request)
    client = uaa.clients.authenticate(request.headers.get("authorization"), fields)
    return JSONResponse(await grant(uaa, client, fields), headers={"Cache-Control": "no-store", "Pragma": "no-cache"})


ROUTES = [(["POST"], "/oauth/token", token)]
