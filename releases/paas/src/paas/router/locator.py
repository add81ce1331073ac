"""The upstream locator: nginx asks it over a unix socket who serves a host, and hands it the lines of its access log."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Awaitable, Callable

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route as HttpRoute

from paas.router.config import Config
from paas.router.table import Endpoint, Route, Table


class Answer(msgspec.Struct, frozen=True):
    """To ``GET /lookup?host=H``: 200 with routes, 404 where there are none, 503 where that is not yet known."""

    routes: list[Route]


class AccessLine(msgspec.Struct, frozen=True):
    """One line; `at` in seconds since 1970, to the millisecond, as nginx knows it."""

    at: float
    text: str


class AppLines(msgspec.Struct, frozen=True):
    """Lines of the access log that belong to one app."""

    app: str
    lines: list[AccessLine]


class Listed(msgspec.Struct, frozen=True):
    """An endpoint in the listing of routes; `ttl`: seconds for which it stays without being registered again."""

    address: str
    tls: bool
    ttl: int
    tags: dict[str, str]
    private_instance_id: str = ""
    server_cert_domain_san: str = ""


_JSON = "application/json"
_lines = msgspec.json.Decoder(list[AppLines])


def application(
    config: Config, table: Table, warm: Callable[[], bool], log_lines: Callable[[AppLines], Awaitable[None]]
) -> Starlette:
    """`warm`: whether all who serve had time to register; `log_lines` sends lines to the app's log."""

    async def lookup(request: Request) -> Response:
        routes = table.lookup(request.query_params.get("host", ""))
        status = 200 if routes else 404 if warm() else 503
        return _json(Answer(routes), status)

    async def health(_: Request) -> Response:
        ready = warm()
        return Response("ok\n" if ready else "not every endpoint had time to register\n", 200 if ready else 503)

    async def lines(request: Request) -> Response:
        try:
            batch = _lines.decode(await request.body())
        except msgspec.MsgspecError as error:
            return Response(f"{error}\n", 400)
        for one in batch:
            await log_lines(one)
        return Response(status_code=204)

    async def listing(request: Request) -> Response:
        if not _permitted(request.headers.get("authorization", ""), config):
            return Response("credentials wanted\n", 401, {"www-authenticate": 'Basic realm="router"'})
        return _json({uri: [_listed(one) for one in pool] for uri, pool in table.listing()})

    async def metrics(_: Request) -> Response:
        figures = {"routes": table.routes, "endpoints": table.endpoints, "ready": int(warm())}
        return Response(
            "".join(f"# TYPE router_{name} gauge\nrouter_{name} {value}\n" for name, value in figures.items())
        )

    return Starlette(
        routes=[
            HttpRoute("/lookup", lookup),
            HttpRoute("/healthz", health),
            HttpRoute("/metrics", metrics),
            HttpRoute("/lines", lines, methods=["POST"]),
            HttpRoute("/routes", listing),
        ]
    )


def _json(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type=_JSON)


def _listed(one: Endpoint) -> Listed:
    return Listed(f"{one.host}:{one.port}", one.tls, int(one.stale), one.tags, one.instance, one.san)


def _permitted(header: str, config: Config) -> bool:
    if not config.status_password or not header.lower().startswith("basic "):
        return False
    try:
        given = base64.b64decode(header[6:], validate=True)
    except binascii.Error:
        return False
    return hmac.compare_digest(given, f"{config.status_user}:{config.status_password}".encode())
