"""Replies in the contract's forms, and what requests hold."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from director.model.deployment import Document
from director.model.errors import BadRequest, NotFound
from director.model.rows import Task

MOST = 2**53
"""Larger whole numbers are no ids, offsets or counts of ours, and not every JSON reader keeps them."""

_DIGITS = re.compile(r"[0-9]{1,16}")


def json(value: Any, status: int = 200) -> Response:
    """A JSON reply."""
    return Response(msgspec.json.encode(value), status_code=status, media_type="application/json")


def to_task(task: Task) -> Response:
    """302 to the task, as for every long operation."""
    return Response(status_code=302, headers={"Location": f"/tasks/{task.id}"})


def no_endpoint(request: Request) -> NotFound:
    """No route has this path and content type."""
    return NotFound(f"Endpoint '{request.url.path}' not found.", code=0)


def flag(request: Request, name: str) -> bool:
    """A query parameter that is ``true``."""
    return request.query_params.get(name, "").lower() == "true"


def words(request: Request, name: str) -> tuple[str, ...]:
    """A comma list in a query parameter."""
    return tuple(one for one in request.query_params.get(name, "").split(",") if one)


def digits(text: str) -> int | None:
    """A whole number from 0 in ASCII digits, within bounds; None for anything else."""
    number = int(text) if _DIGITS.fullmatch(text) else MOST + 1
    return number if number <= MOST else None


def row_key(text: str) -> str | None:
    """The key of a row with a numeric id, None for what is no id."""
    number = digits(text)
    return None if number is None else f"{number:012d}"


def number(request: Request, name: str) -> int | None:
    """A whole number in a query parameter; 400 otherwise."""
    text = request.query_params.get(name)
    if text is None or text == "":
        return None
    found = digits(text)
    if found is None:
        raise BadRequest(f"Query parameter '{name}' is '{text}'", code=40000, remedy="Give a whole number from 0")
    return found


async def text_body(request: Request) -> str:
    """A YAML body in UTF-8; other content types have no endpoint here."""
    if content_type(request) != "text/yaml":
        raise no_endpoint(request)
    try:
        return (await request.body()).decode()
    except UnicodeDecodeError as error:
        raise BadRequest(f"The body is not UTF-8 text: {error.reason} at byte {error.start}", code=440001) from None


async def json_body(request: Request, *, any_type: bool = False) -> Any:
    """A JSON body; 710001 when it is none. Other content types have no endpoint here, unless ``any_type``."""
    if not any_type and content_type(request) != "application/json":
        raise no_endpoint(request)
    try:
        return msgspec.json.decode(await request.body())
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}", code=710001, remedy="Send a JSON document") from None


async def json_object(request: Request, *, any_type: bool = False) -> Document:
    """A JSON body that is an object."""
    body = await json_body(request, any_type=any_type)
    if not isinstance(body, dict):
        raise BadRequest("The body is not a JSON object", code=710001, remedy="Send {...}")
    return body


def texts(body: Document, key: str) -> tuple[str, ...]:
    """A list of texts in a body, empty when absent; 40000 for anything else."""
    value = body.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise BadRequest(f"'{key}' is not a list of texts", code=40000, remedy=f'Send "{key}": ["..."]')
    return tuple(value)


def hashes(body: Document, key: str) -> list[Document]:
    """A list of objects in a body, empty when absent; 40000 for anything else."""
    value = body.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise BadRequest(f"'{key}' is not a list of objects", code=40000, remedy=f'Send "{key}": [{{...}}]')
    return value


def hash_of(body: Document, key: str) -> Document:
    """An object in a body, empty when absent; 40000 for anything else."""
    value = body.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest(f"'{key}' is not an object", code=40000, remedy=f'Send "{key}": {{...}}')
    return value


def content_type(request: Request) -> str:
    """Without parameters."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
