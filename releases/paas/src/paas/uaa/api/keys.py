"""``/token_keys`` and ``/token_key``: the public keys by which everybody can check tokens."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.uaa.service import uaa_of


async def token_keys(request: Request) -> Response:
    """All of them, as a JSON Web Key Set."""
    return JSONResponse({"keys": uaa_of(request).keys.all()})


async def token_key(request: Request) -> Response:
    """The one that signs now."""
    return JSONResponse(uaa_of(request).keys.active())


ROUTES = [(["GET"], "/token_keys", token_keys), (["GET"], "/token_key", token_key)]
