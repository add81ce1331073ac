"""Errors and results as they stand on the wire, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import cast

from cpi.contract import (
    ERRORS,
    CloudError,
    CpiError,
    Facts,
    InvalidCall,
    InvalidResponse,
    Json,
    MethodNotImplemented,
    UnknownCpiError,
)
from cpi.redact import scrub

SHOWN = 400
"""Characters of a malformed answer that an error quotes."""


def error_to_wire(error: CpiError, known_secrets: frozenset[str] = frozenset()) -> dict[str, object]:
    """The `error` object of a response; `facts` is ours, other directors ignore it."""
    return {
        "type": error.type_name,
        "message": scrub(error.message, known_secrets),
        "ok_to_retry": error.ok_to_retry,
        "facts": {key: scrub(value, known_secrets) if isinstance(value, str) else value
                  for key, value in asdict(error.facts).items()},
    }  # fmt: skip


def error_from_wire(method: str, request_id: str, wire: Json) -> CpiError:
    """The typed error of a response; unknown types keep their name. Old spellings of "not implemented" are mapped."""
    type_name, message = str(wire["type"]), str(wire["message"])
    retry = bool(wire.get("ok_to_retry", False))
    facts = replace(_facts(wire.get("facts")), method=method, request_id=request_id)
    if (type_name == InvalidCall.type_name and message.startswith("Method is not known, got")) or (
        type_name == CloudError.type_name and message.startswith("Invalid Method:")
    ):
        return MethodNotImplemented(message, facts=facts)
    found = ERRORS.get(type_name)
    if found is not None:
        return found(message, ok_to_retry=retry, facts=facts)
    text = (
        f"Unknown CPI error '{type_name}' with message '{message}' in '{method}' CPI method "
        f"(CPI request ID: '{request_id}')"
    )
    return UnknownCpiError(text, type_name=type_name, ok_to_retry=retry, facts=facts)


def read_response(method: str, request_id: str, response: object) -> object:
    """The result of a response, or its error raised; InvalidResponse if it is not one (all three keys are required)."""

    def invalid(why: str) -> InvalidResponse:
        shown = repr(response)
        shown = shown if len(shown) <= SHOWN else shown[:SHOWN] + "..."
        return InvalidResponse(
            f"Invalid CPI response: {why}; method '{method}' (CPI request ID: '{request_id}') answered {shown}",
            facts=Facts(method=method, request_id=request_id),
        )

    if not isinstance(response, Mapping):
        raise invalid("it is not a hash")
    known = cast(Json, response)
    for key in ("result", "error", "log"):
        if key not in known:
            raise invalid(f"key '{key}' is missing")
    if not isinstance(known["log"], str):
        raise invalid("key 'log' must be a string")
    error = known["error"]
    if error is None:
        return known["result"]
    if not isinstance(error, Mapping):
        raise invalid("key 'error' must be a hash or null")
    found = cast(Json, error)
    for key, expected in (("type", str), ("message", str), ("ok_to_retry", bool)):
        if key not in found:
            raise invalid(f"key 'error.{key}' is missing")
        if not isinstance(found[key], expected):
            raise invalid(f"key 'error.{key}' must be a {'boolean' if expected is bool else 'string'}")
    raise error_from_wire(method, request_id, found)


def _facts(value: object) -> Facts:
    if not isinstance(value, Mapping):
        return Facts()
    known = cast(Json, value)
    after = known.get("retry_after")
    return Facts(
        retry_after=float(after) if isinstance(after, int | float) and not isinstance(after, bool) else None,
        endpoint=str(known.get("endpoint", "")),
        started=bool(known.get("started", True)),
        cleanup=str(known.get("cleanup", "")),
    )
