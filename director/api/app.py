"""The HTTP application: routes by noun, errors in the contract's form."""

from __future__ import annotations

import traceback

import msgspec
import structlog
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from director.api import (
    catalogue,
    configs,
    deployments,
    events,
    instances,
    links,
    orphans,
    problems,
    tasks,
    variables,
    various,
)
from director.api.auth import Unauthorized
from director.api.desk import Desk
from director.api.replies import json
from director.model.errors import AgentError, CloudError, DirectorError

log = structlog.get_logger("api")

ROOMS = (various, tasks, deployments, instances, problems, variables, links, catalogue, configs, events, orphans)


def create_app(desk: Desk) -> FastAPI:
    """The director's API on a desk."""
    app = FastAPI(title="Meristem director", docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    for room in ROOMS:
        app.include_router(room.routes(desk))
    app.add_exception_handler(DirectorError, _director_error)
    app.add_exception_handler(Unauthorized, _unauthorized)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(msgspec.MsgspecError, _bad_json)
    app.add_exception_handler(Exception, _unexpected)
    return app


async def _director_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, DirectorError)
    if error.code == 0:
        return PlainTextResponse(f"Endpoint '{request.url.path}' not found.", status_code=404)
    # a cloud or an agent that fails is no fault of the director's
    status = 502 if isinstance(error, CloudError | AgentError) else error.status
    return json({"code": error.code, "description": error.description}, status)


async def _unauthorized(request: Request, error: Exception) -> Response:
    return PlainTextResponse(
        f"Not authorized: '{request.url.path}'\n",
        status_code=401,
        headers={"WWW-Authenticate": 'Basic realm="BOSH Director"'},
    )


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code in (404, 405):
        return PlainTextResponse(f"Endpoint '{request.url.path}' not found.", status_code=404)
    return PlainTextResponse(str(error.detail), status_code=error.status_code)


async def _bad_json(request: Request, error: Exception) -> Response:
    return json({"code": 710001, "description": f"The request is not understood: {error}"}, 400)


async def _unexpected(request: Request, error: Exception) -> Response:
    # the stack goes to the director's log; the client learns nothing of the inside
    # as text: a log's own way of showing exceptions may show variables too, and so passwords
    log.error("unexpected error", path=request.url.path, stack="".join(traceback.format_exception(error)))
    return Response(status_code=500)
