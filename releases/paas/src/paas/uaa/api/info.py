"""``/``, ``/login``, ``/info``: where UAA is and what it asks users for; OpenID's discovery; ``/healthz``."""

from __future__ import annotations

import asyncio
from typing import Any

from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from paas.uaa.grants import GRANTS
from paas.uaa.service import Uaa, uaa_of

VERSION = "77.0.0"
"""The version whose API this is."""

HEALTH_SECONDS = 5


async def info(request: Request) -> Response:
    """For clients that find their way, as JSON whatever they accept."""
    uaa = uaa_of(request)
    body = {
        "app": {"version": VERSION},
        "links": {"uaa": uaa.config.url, "login": _login_url(uaa)},
        "zone_name": "uaa",
        "entityID": uaa.config.url,
        "commit_id": "",
        "prompts": {"username": ["text", "Email"], "password": ["password", "Password"]},
    }
    return JSONResponse(body)


async def discovery(request: Request) -> Response:
    """OpenID Connect Discovery 1.0."""
    uaa = uaa_of(request)
    url, login = uaa.config.url.rstrip("/"), _login_url(uaa).rstrip("/")
    scopes = {name for client in uaa.config.clients.values() for name in client.scope}
    body: dict[str, Any] = {
        "issuer": uaa.config.issuer,
        "authorization_endpoint": f"{login}/oauth/authorize",
        "token_endpoint": f"{url}/oauth/token",
        "userinfo_endpoint": f"{url}/userinfo",
        "jwks_uri": f"{url}/token_keys",
        "scopes_supported": sorted(scopes | {"openid"}),
        "response_types_supported": ["code"],
        "grant_types_supported": list(GRANTS),
        "code_challenge_methods_supported": ["S256"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "claims_supported": ["sub", "user_name", "origin", "iss", "auth_time", "email", "given_name", "family_name"],
        "claims_parameter_supported": False,
    }
    return JSONResponse(body)


async def healthz(request: Request) -> Response:
    """200 while the database answers."""
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            await uaa_of(request).database.ready()
    except (SQLAlchemyError, TimeoutError):
        return PlainTextResponse("the database is away\n", 503)
    return PlainTextResponse("ok\n")


def _login_url(uaa: Uaa) -> str:
    return uaa.config.login_url or uaa.config.url


ROUTES = [
    (["GET"], "/", info),
    (["GET"], "/login", info),
    (["GET"], "/info", info),
    (["GET"], "/.well-known/openid-configuration", discovery),
    (["GET"], "/oauth/token/.well-known/openid-configuration", discovery),
    (["GET"], "/healthz", healthz),
]
