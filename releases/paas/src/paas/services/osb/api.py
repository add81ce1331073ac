"""The routes of the Open Service Broker API 2.17, for any `Broker`."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import msgspec
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from paas.database.outage import DatabaseAwayError
from paas.services.osb.broker import Answer, Broker
from paas.services.osb.errors import BrokerError, malformed
from paas.services.osb.requests import BindRequest, ProvisionRequest, UpdateRequest

B = TypeVar("B", ProvisionRequest, UpdateRequest, BindRequest)
VERSION = re.compile(r"2\.(\d+)")
LEAST_MINOR = 13
IDENTITY = "X-Broker-API-Request-Identity"
MOST_BYTES = 1 << 20
MOST_ID = 255

log = structlog.get_logger("broker")


class Credentials(msgspec.Struct, frozen=True, kw_only=True):
    """What the platform logs in with."""

    username: str
    password: str


def api(broker: Broker, credentials: Credentials) -> Starlette:
    """The application."""
    expected = f"{credentials.username}:{credentials.password}".encode()

    def route(path: str, method: str, work: Callable[[Request], Awaitable[Answer]]) -> Route:
        async def endpoint(request: Request) -> Response:
            try:
                _admit(request, expected)
                answer = await work(request)
            except BrokerError as error:
                answer = Answer(error.status, error.body())
            except DatabaseAwayError:
                answer = Answer(503, {"description": "The broker's database is away; try again in a moment."})
            except Exception:  # the platform gets an answer, the log the cause
                log.exception("broker_failed", method=method, path=request.url.path)
                answer = Answer(500, {"description": "The broker failed; its log says why."})
            return _response(request, answer)

        return Route(path, endpoint, methods=[method])

    async def catalog(_: Request) -> Answer:
        return Answer(200, broker.catalog.document())

    async def provision(request: Request) -> Answer:
        asked = await _body(request, ProvisionRequest)
        _known(broker, asked.service_id, asked.plan_id)
        return await broker.provision(_id(request, "instance"), asked, _incomplete(request))

    async def update(request: Request) -> Answer:
        return await broker.update(_id(request, "instance"), await _body(request, UpdateRequest))

    async def deprovision(request: Request) -> Answer:
        _named(request)
        return await broker.deprovision(_id(request, "instance"), _incomplete(request))

    async def instance(request: Request) -> Answer:
        return await broker.instance(_id(request, "instance"))

    async def last_operation(request: Request) -> Answer:
        return await broker.last_operation(_id(request, "instance"), request.query_params.get("operation", ""))

    async def bind(request: Request) -> Answer:
        asked = await _body(request, BindRequest)
        _known(broker, asked.service_id, asked.plan_id)
        return await broker.bind(_id(request, "instance"), _id(request, "binding"), asked)

    async def unbind(request: Request) -> Answer:
        _named(request)
        return await broker.unbind(_id(request, "instance"), _id(request, "binding"))

    async def binding(request: Request) -> Answer:
        return await broker.binding(_id(request, "instance"), _id(request, "binding"))

    async def healthz(_: Request) -> Response:
        missing = await broker.fit()
        return PlainTextResponse(f"{missing}\n", 503) if missing else PlainTextResponse("ok\n")

    one = "/v2/service_instances/{instance}"
    of = one + "/service_bindings/{binding}"
    return Starlette(
        routes=[
            Route("/healthz", healthz),
            route("/v2/catalog", "GET", catalog),
            route(one + "/last_operation", "GET", last_operation),
            route(of, "PUT", bind),
            route(of, "DELETE", unbind),
            route(of, "GET", binding),
            route(one, "PUT", provision),
            route(one, "PATCH", update),
            route(one, "DELETE", deprovision),
            route(one, "GET", instance),
        ],
        exception_handlers={HTTPException: _unknown},
    )


def _admit(request: Request, expected: bytes) -> None:
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    try:
        sent = base64.b64decode(given.strip(), validate=True) if kind.lower() == "basic" else b""
    except ValueError:
        sent = b""
    if not hmac.compare_digest(sent, expected):
        raise BrokerError(401, "The broker does not know this user name and password.")
    version = request.headers.get("x-broker-api-version", "")
    if not version:
        raise malformed("The header X-Broker-API-Version is missing; this broker speaks 2.17.")
    if (found := VERSION.fullmatch(version)) is None or int(found[1]) < LEAST_MINOR:
        said = f"This broker speaks version 2.17 of the API, and any from 2.{LEAST_MINOR}; the request is of '{version[:20]}'."
        raise BrokerError(412, said)


def _response(request: Request, answer: Answer) -> Response:
    headers: dict[str, str] = {}
    if answer.status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="broker"'
    if identity := request.headers.get(IDENTITY):
        headers[IDENTITY] = identity
    return Response(msgspec.json.encode(answer.body), answer.status, media_type="application/json", headers=headers)


async def _unknown(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _response(
        request, Answer(status, {"description": f"The broker has no {request.method} {request.url.path}."})
    )


async def _body(request: Request, kind: type[B]) -> B:
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > MOST_BYTES:
            raise malformed(f"The body is longer than {MOST_BYTES} bytes.")
    try:
        return msgspec.json.decode(read, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise malformed(f"The body cannot be read: {error}") from None


def _id(request: Request, name: str) -> str:
    id: Any = request.path_params[name]
    if len(id) > MOST_ID:
        raise malformed(f"The {name}'s id is longer than {MOST_ID} characters.")
    return id


def _named(request: Request) -> None:
    # they need not be in the catalog any more: what was made of a plan can be removed after the plan
    for name in ("service_id", "plan_id"):
        if not request.query_params.get(name):
            raise malformed(f"The query parameter {name} is missing.")


def _incomplete(request: Request) -> bool:
    return request.query_params.get("accepts_incomplete", "").lower() == "true"


def _known(broker: Broker, service_id: str, plan_id: str) -> None:
    if broker.catalog.find(service_id, plan_id) is None:
        raise malformed(f"The catalog has no service '{service_id}' with a plan '{plan_id}'; read /v2/catalog again.")
