"""Reads requests: forms and JSON, of limited size; what is malformed is refused with its place."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import parse_qsl

import msgspec
from starlette.requests import Request

from paas.uaa.errors import UaaError, invalid_request, scim

T = TypeVar("T")

LARGEST = 256 * 1024
SECRET = frozenset({"password", "client_secret", "refresh_token", "code", "code_verifier", "token"})
"""What is not taken from a query, which others write into their logs."""
FORM = "application/x-www-form-urlencoded"


async def form(request: Request) -> dict[str, str]:
    """The fields of the body and, where it lacks them and they are no secrets, of the query."""
    kind = request.headers.get("content-type", FORM).partition(";")[0].strip().lower()
    if kind != FORM:
        raise UaaError(415, "invalid_request", f"The body must be {FORM}, not {kind}")
    body = await _read(request)
    try:
        fields = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100, errors="strict")
    except ValueError:
        raise invalid_request("The body is not a form of UTF-8 text with at most 100 fields") from None
    return single(fields, request)


def single(fields: list[tuple[str, str]], request: Request) -> dict[str, str]:
    """Each parameter may come once (RFC 6749, 3.1); those of the query count where the body lacks them and they are no secrets."""
    found: dict[str, str] = {}
    for name, value in fields:
        if name in found:
            raise invalid_request(f"The parameter {name[:40]} is given twice")
        found[name] = value
    for name, value in request.query_params.multi_items():
        if name not in SECRET:
            found.setdefault(name, value)
    for name, value in found.items():
        if "\0" in value:
            raise invalid_request(f"The parameter {name[:40]} holds a NUL character")
    return found


async def json(request: Request, kind: type[T]) -> T:
    """The body as `kind`; the error says where in it what was expected."""
    body = await _read(request)
    try:
        found = msgspec.json.decode(body, type=kind)
    except msgspec.MsgspecError as error:
        raise scim(400, "invalid_scim_resource", f"The body cannot be read: {error}") from None
    except UnicodeDecodeError:
        raise scim(400, "invalid_scim_resource", "The body is not UTF-8 text") from None
    return found


async def _read(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > LARGEST:
            raise UaaError(413, "invalid_request", f"The body is larger than {LARGEST} bytes")
    return bytes(body)
