"""Replies in the contract's forms."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from director.model.errors import BadRequest
from director.model.rows import Task


def json(value: Any, status: int = 200) -> Response:
    """A JSON reply."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def to_task(task: Task) -> Response:
    """302 to the task, as for every long operation."""
    return Response(status_code=302, headers={"Location": f"/tasks/{task.id}"})


def flag(request: Request, name: str) -> bool:
    """A query parameter that is ``true``."""
    return request.query_params.get(name, "").lower() == "true"


def words(request: Request, name: str) -> tuple[str, ...]:
    """A comma list in a query parameter."""
    return tuple(one for one in request.query_params.get(name, "").split(",") if one)


def number(request: Request, name: str) -> int | None:
    """A whole number in a query parameter; 400 otherwise."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return None
    try:
        return int(text)
    except ValueError:
        raise BadRequest(f"Query parameter '{name}' is '{text}'", code=40000, remedy="Give a whole number") from None


async def text_body(request: Request) -> str:
    """A UTF-8 body."""
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8 text: {error.reason} at byte {error.start}", code=440001) from None


async def json_body(request: Request) -> Any:
    """A JSON body; 710001 when it is none."""
    try:
        return msgspec.json.decode(await request.body())
    except msgspec.DecodeError as error:
        raise BadRequest(f"The body is not JSON: {error}", code=710001, remedy="Send application/json") from None


def content_type(request: Request) -> str:
    """Without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
