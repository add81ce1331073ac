"""A plugin of ours as a BOSH CPI executable: one request on stdin, one response on stdout, log lines on stderr."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import cast

from cpi import plugins, redact, settings, wire
from cpi.contract import Call, CpiError, InvalidCall, Json
from cpi.dispatch import invoke


def main(argv: list[str] | None = None) -> int:
    """Answer the request; the exit code is 0 also for an error, which is told in the response."""
    parser = argparse.ArgumentParser(prog="meristem cpi exec", description="Run a CPI plugin as a BOSH CPI executable.")
    parser.add_argument("plugin")
    parser.add_argument("-c", "--config", type=Path, help="file of the cpi.json form")
    options = parser.parse_args(argv)
    output = os.dup(1)
    os.dup2(2, 1)  # what SDKs print must not spoil the response
    response = answer(options.plugin, options.config, sys.stdin.buffer.read())
    with os.fdopen(output, "w") as stdout:
        stdout.write(json.dumps(response))
    return 0


def answer(name: str, config: Path | None, text: bytes) -> dict[str, object]:
    """The response to one request."""
    known: frozenset[str] = frozenset()
    method = request_id = ""
    try:
        request = _parse(text)
        method, context = cast(str, request["method"]), cast(Json, request.get("context") or {})
        arguments = cast("list[object]", request["arguments"])
        request_id = str(context.get("request_id", ""))
        plugin = plugins.load(name)
        properties = settings.merge(settings.read(config, plugin.name) if config else {}, settings.of_context(context))
        known = redact.secrets(properties, *arguments)
        key = context.get("key")
        call = Call(
            method=method,
            properties=properties,
            key=key if isinstance(key, str) else None,
            request_id=request_id,
            director_uuid=str(context.get("director_uuid", "")),
            api_version=_version(request.get("api_version")),
            log=lambda line: _log(line, known),
        )
        began = time.monotonic()
        result = invoke(plugin, call, arguments)
        _log(f"{method}: ok ({(time.monotonic() - began) * 1000:.1f} ms)", known)
        return {"result": result, "error": None, "log": ""}
    except CpiError as error:
        error.facts = replace(error.facts, method=method, request_id=request_id)
        return {"result": None, "error": wire.error_to_wire(error, known), "log": ""}
    except Exception as error:  # a plugin's own fault must still become a response
        failed = CpiError(f"CPI '{name}' failed in {method}: {type(error).__name__}: {error}")
        return {"result": None, "error": wire.error_to_wire(failed, known), "log": ""}


def _parse(text: bytes) -> Json:
    try:
        request = cast(object, json.loads(text))
    except ValueError as error:
        raise InvalidCall(f"the request on stdin is not JSON: {error}") from error
    if not isinstance(request, dict):
        raise InvalidCall("the request on stdin must be a hash with method, arguments and context")
    known = cast(Json, request)
    for key, expected, word in (("method", str, "a string"), ("arguments", list, "an array")):
        if not isinstance(known.get(key), expected):
            raise InvalidCall(f"the request's key '{key}' must be {word}, not {known.get(key)!r}")
    if not isinstance(known.get("context", {}), dict | None):
        raise InvalidCall("the request's key 'context' must be a hash")
    return known


def _version(given: object) -> int:
    # Without the key a caller of the first contract speaks: results are those of version 1.
    return given if isinstance(given, int) and given > 0 else 1


def _log(line: str, known: frozenset[str]) -> None:
    sys.stderr.write(redact.scrub(line, known) + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
