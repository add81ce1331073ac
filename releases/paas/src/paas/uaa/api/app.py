"""The application: its routes, and errors as UAA's clients know them."""

from __future__ import annotations

import structlog
from sqlalchemy.exc import DataError, IntegrityError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from paas.database.outage import DatabaseAwayError
from paas.uaa.api import authorize, check, groups, info, keys, members, password, revoke, token, userinfo, users
from paas.uaa.errors import UaaError, invalid_request
from paas.uaa.service import Uaa

log = structlog.get_logger("uaa")

ROUTES = [
    *info.ROUTES,
    *keys.ROUTES,
    *token.ROUTES,
    *authorize.ROUTES,
    *check.ROUTES,
    *revoke.ROUTES,
    *userinfo.ROUTES,
    *password.ROUTES,
    *users.ROUTES,
    *members.ROUTES,
    *groups.ROUTES,
]


def application(uaa: Uaa) -> Starlette:
    """The ASGI application."""
    routes = [Route(path, handler, methods=methods) for methods, path, handler in ROUTES]
    app = Starlette(
        routes=routes,
        exception_handlers={
            UaaError: _uaa_error,
            HTTPException: _http_error,
            DatabaseAwayError: _away,
            DataError: _data_error,
            IntegrityError: _collision,
            Exception: _fault,
        },
    )
    app.state.uaa = uaa
    return app


async def _uaa_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, UaaError)
    return JSONResponse(error.body(), error.status, {"Cache-Control": "no-store", **error.headers})


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        kind, text = "not_found", "There is no such endpoint"
    elif error.status_code == 405:
        kind, text = "method_not_allowed", f"Request method '{request.method}' not supported"
    else:
        kind, text = "invalid_request", error.detail
    headers = dict(error.headers or {})
    return JSONResponse({"error": kind, "error_description": text}, error.status_code, headers)


async def _data_error(_: Request, error: Exception) -> Response:
    # a text that PostgreSQL cannot hold; what it was, only its sender need know
    log.info("bad_text", error=type(error).__name__)
    refusal = invalid_request("A value holds characters that cannot be kept")
    return JSONResponse(refusal.body(), refusal.status)


async def _collision(_: Request, error: Exception) -> Response:
    # what a statement refers to was removed by another request in the same moment
    log.info("collision", error=type(error).__name__)
    body = {"error": "conflict", "error_description": "Another request changed the same; get it again and repeat"}
    return JSONResponse(body, 409)


async def _away(_: Request, error: Exception) -> Response:
    log.warning("unavailable", error=str(error))
    body = {"error": "service_unavailable", "error_description": "The database is away; try again shortly"}
    return JSONResponse(body, 503, {"Retry-After": "5"})


async def _fault(request: Request, error: Exception) -> Response:
    log.error("fault", path=request.url.path, error=type(error).__name__, exc_info=error)
    return JSONResponse({"error": "server_error", "error_description": "An unexpected fault; the log says more"}, 500)
