"""Requests and replies on the wire (agent protocol, section 2)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, cast

from agent.errors import ArgumentError
from agent.shapes import array_or_empty, object_or_empty, string_or_empty

LIMIT = 1 << 20
TOO_LONG = "Response exceeded maximum allowed length"
_MARK = " ...[cut]... "


@dataclass(frozen=True)
class Request:
    """One request. ``extended`` tells that the director speaks our extension."""

    method: str
    arguments: list[Any]
    reply_to: str
    protocol: int
    extended: bool
    fence: int | None
    key: str

    def text_argument(self, name: str) -> str:
        """The first argument as a string; ArgumentError if it is absent."""
        if not self.arguments or not isinstance(self.arguments[0], str):
            raise ArgumentError(f"{self.method}: argument {name} is missing")
        return self.arguments[0]


def parse(raw: bytes) -> Request:
    """A request from its bytes; ValueError if it is none."""
    body: Any = json.loads(raw)
    if not isinstance(body, dict) or not isinstance(cast("dict[str, Any]", body).get("method"), str):
        raise ValueError("expected an object with a method")
    request = cast("dict[str, Any]", body)
    extension = object_or_empty(request.get("meristem"))
    fence = extension.get("fence")
    protocol = request.get("protocol")
    return Request(
        method=request["method"],
        arguments=array_or_empty(request.get("arguments")),
        reply_to=string_or_empty(request.get("reply_to")),
        protocol=protocol if isinstance(protocol, int) else 0,
        extended="meristem" in request,
        fence=fence if isinstance(fence, int) and not isinstance(fence, bool) else None,
        key=string_or_empty(extension.get("key")),
    )


def exception(message: str) -> dict[str, Any]:
    """The body of a failure."""
    return {"exception": {"message": message}}


def encode(body: dict[str, Any], limit: int = LIMIT) -> bytes:
    """A reply within ``limit`` bytes: a long exception is cut in the middle, a long value becomes an exception."""
    payload = json.dumps(body, separators=(",", ":")).encode()
    if len(payload) <= limit:
        return payload
    kept = {key: value for key, value in body.items() if key not in ("value", "exception")}
    message = string_or_empty(object_or_empty(body.get("exception")).get("message"))
    if not message:
        return encode({**kept, **exception(TOO_LONG)}, limit)
    # A character needs up to six bytes in JSON, so a twelfth at each end always fits.
    half = max(0, limit - 512) // 12
    return encode({**kept, **exception(message[:half] + _MARK + message[-half:])}, limit)
