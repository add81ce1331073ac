"""``/userinfo``: who the bearer of a token is (OpenID Connect Core, 5.3)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from paas.uaa.errors import insufficient_scope
from paas.uaa.service import uaa_of
from paas.uaa.users import user_by_id


async def userinfo(request: Request) -> Response:
    """Needs the scope ``openid``."""
    uaa = uaa_of(request)
    claims = await uaa.access.anybody(request.headers.get("authorization"))
    if not claims.user_id or not claims.allows("openid"):
        raise insufficient_scope(("openid",))
    user = await uaa.database.run(lambda transaction: user_by_id(transaction, claims.user_id))
    previous = user.previous_logon
    body = {
        "sub": user.id,
        "user_id": user.id,
        "user_name": user.name,
        "given_name": user.given_name,
        "family_name": user.family_name,
        "name": f"{user.given_name} {user.family_name}".strip(),
        "email": user.email,
        "email_verified": user.verified,
        "origin": user.origin,
        "previous_logon_time": int(previous.timestamp() * 1000) if previous else None,
    }
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


ROUTES = [(["GET", "POST"], "/userinfo", userinfo)]
