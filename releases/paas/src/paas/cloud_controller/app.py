"""The HTTP application: lets requests in, gives each a transaction, and turns faults into the API's errors."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import structlog
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from paas.blobs.errors import BlobStoreAwayError
from paas.bus.client import NoAnswerError
from paas.cloud_controller.api.call import Call, Endpoint
from paas.cloud_controller.api.errors import (
    ApiError,
    insufficient_scope,
    invalid_token,
    not_authenticated,
    server_error,
    unavailable,
    unknown_request,
)
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.platform import Platform
from paas.database.outage import passing
from paas.tokens.errors import KeysAwayError, TokenError
from paas.tokens.verify import bearer

log = structlog.get_logger("api")

READS = ("GET", "HEAD")
NOBODY = Identity("", "", frozenset())


def application(platform: Platform, endpoints: list[Endpoint]) -> ASGIApp:
    """The API with these endpoints."""
    by_path: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        by_path.setdefault(endpoint.path, {})[endpoint.method] = endpoint
    # fixed words before parameters: /v3/domains/default is no guid
    ordered = sorted(by_path, key=lambda path: ["{" in part for part in path.split("/")])
    routes = [Route(path, _served(platform, by_path[path]), methods=_methods(by_path[path])) for path in ordered]
    app = Starlette(routes=routes, exception_handlers={HTTPException: _http_error})
    app.router.redirect_slashes = False
    return _without_slash(app)


def _methods(endpoints: dict[str, Endpoint]) -> list[str]:
    return list(endpoints)


def _served(platform: Platform, endpoints: dict[str, Endpoint]) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        method = "GET" if request.method == "HEAD" else request.method
        endpoint = endpoints.get(method)
        # no guid or name has a NUL, and the database would stumble over it
        if endpoint is None or "\0" in request.scope["path"]:
            return unknown_request().response()
        try:
            return await _handled(platform, endpoint, request)
        except ApiError as error:
            return error.response()
        except ClientDisconnect:
            return Response(status_code=400)
        except (NoAnswerError, BlobStoreAwayError) as error:
            log.warning("peer_away", path=request.url.path, error=str(error))
            return unavailable("A part of the platform is away. The request may be repeated.").response()
        except SQLAlchemyError as error:
            return _database_fault(request, error)
        except Exception:
            log.exception("request_fault", method=request.method, path=request.url.path)
            return server_error().response()

    return serve


async def _handled(platform: Platform, endpoint: Endpoint, request: Request) -> Response:
    who = NOBODY if endpoint.open else await identify(platform, request)
    if not endpoint.open and not (who.may_read if endpoint.method in READS else who.may_write):
        raise insufficient_scope()
    if not endpoint.transaction:
        return await endpoint.handler(Call(request, platform, who, None))
    call = Call(request, platform, who, None)
    call.content = await call.receive(endpoint.most)
    async with platform.database.begin() as db:
        call.connection = db
        return await endpoint.handler(call)


async def identify(platform: Platform, request: Request) -> Identity:
    """Whom the bearer token names; 401 where it is missing or not good any more."""
    token = bearer(request.headers.get("authorization"))
    if token is None:
        raise not_authenticated()
    try:
        return Identity.of(await platform.verifier.verify(token))
    except TokenError:
        raise invalid_token() from None
    except KeysAwayError:
        raise unavailable("The UAA is away: tokens cannot be checked. The request may be repeated.") from None


def _database_fault(request: Request, error: SQLAlchemyError) -> Response:
    state = getattr(getattr(error, "orig", None), "sqlstate", None) if isinstance(error, DBAPIError) else None
    log.warning("database", path=request.url.path, error=type(error).__name__, state=state)
    if passing(error):
        return unavailable("The database is away or busy. The request may be repeated.").response()
    if state == "23505":
        return ApiError(422, 10016, "CF-UniquenessError", "Something with these values exists already.").response()
    return server_error().response()


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code in (404, 405):
        return unknown_request().response()
    return ApiError(error.status_code, 10004, "CF-InvalidRequest", str(error.detail)).response()


def _without_slash(app: ASGIApp) -> ASGIApp:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and len(scope["path"]) > 1 and scope["path"].endswith("/"):
            changed: dict[str, Any] = {**scope, "path": scope["path"].rstrip("/") or "/"}
            await app(changed, receive, send)
            return
        await app(scope, receive, send)

    return serve
