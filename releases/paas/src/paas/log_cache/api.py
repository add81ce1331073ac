"""The log cache's HTTP: ``/api/v1/info``, ``/api/v1/read/GUID``, ``/api/v1/meta``, ``/healthz``. Source: log-cache's API."""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from paas.log_cache.access import Access
from paas.log_cache.errors import LogCacheError, not_found
from paas.log_cache.query import query_of
from paas.log_cache.ring import Entry
from paas.log_cache.store import Store

log = structlog.get_logger("log_cache")

VERSION = "3.0.0"
"""The version whose API this is."""

APP = re.compile(r"[A-Za-z0-9_-]{1,128}")


@dataclass(frozen=True)
class Parts:
    """What the endpoints work with; `hears`: whether lines come in just now."""

    store: Store
    access: Access
    hears: Callable[[], bool]
    began: float


def application(parts: Parts) -> Starlette:
    """The ASGI application. The paths without ``/api`` are of older clients."""
    routes = [
        Route("/api/v1/info", _info),
        Route("/healthz", _healthz),
        *(Route(f"{prefix}/v1/read/{{app:path}}", _read) for prefix in ("/api", "")),
        *(Route(f"{prefix}/v1/meta", _meta) for prefix in ("/api", "")),
    ]
    handlers: dict[Any, Any] = {LogCacheError: _refusal, HTTPException: _http_error, Exception: _fault}
    app = Starlette(routes=routes, exception_handlers=handlers)
    app.state.parts = parts
    return app


def envelope(app: str, at: int, entry: Entry) -> dict[str, Any]:
    """A line as JSON."""
    return {
        "timestamp": str(at),
        "source_id": app,
        "instance_id": entry.instance,
        "deprecated_tags": {},
        "tags": {"source_type": entry.source, "app_id": app, "instance_id": entry.instance},
        "log": {"payload": base64.b64encode(entry.text).decode(), "type": entry.stream},
    }


def _parts(request: Request) -> Parts:
    return cast("Parts", request.app.state.parts)


async def _info(request: Request) -> Response:
    return JSONResponse({"version": VERSION, "vm_uptime": str(int(time.monotonic() - _parts(request).began))})


async def _healthz(request: Request) -> Response:
    if _parts(request).hears():
        return PlainTextResponse("ok\n")
    return PlainTextResponse("the bus is away\n", 503)


async def _read(request: Request) -> Response:
    parts, app = _parts(request), request.path_params["app"]
    query = query_of(request.query_params)
    if not APP.fullmatch(app):
        raise not_found("There is no such app")
    await parts.access.need(request.headers.get("authorization"), app)
    ring = parts.store.get(app)
    batch: list[dict[str, Any]] = []
    if ring is not None and query.logs:
        found = ring.read(query.start, query.end, query.limit, query.descending)
        batch = [envelope(app, at, entry) for at, entry in found]
    return _json({"envelopes": {"batch": batch}})


async def _meta(request: Request) -> Response:
    """Counts and times of the apps that the bearer may read."""
    parts = _parts(request)
    readable = await parts.access.readable(request.headers.get("authorization"))
    meta: dict[str, dict[str, str]] = {}
    for app in parts.store.apps():
        ring = parts.store.get(app)
        if ring is not None and (readable is None or app in readable):
            meta[app] = {
                "count": str(len(ring)),
                "expired": str(ring.expired),
                "oldest_timestamp": str(ring.oldest),
                "newest_timestamp": str(ring.newest),
            }
    return _json({"meta": meta})


def _json(body: object) -> Response:
    return Response(msgspec.json.encode(body), media_type="application/json", headers={"Cache-Control": "no-store"})


async def _refusal(_: Request, error: LogCacheError) -> Response:
    return JSONResponse(error.body(), error.status)


async def _http_error(request: Request, error: HTTPException) -> Response:
    known = {404: "There is no such endpoint", 405: f"{request.method} is not known here"}
    message = known.get(error.status_code, error.detail)
    code = {404: 5, 405: 12}.get(error.status_code, 2)
    return JSONResponse(LogCacheError(error.status_code, code, message).body(), error.status_code, error.headers)


async def _fault(request: Request, error: Exception) -> Response:
    log.error("fault", path=request.url.path, error=type(error).__name__, exc_info=error)
    return JSONResponse(LogCacheError(500, 13, "An unexpected fault; the log says more").body(), 500)
