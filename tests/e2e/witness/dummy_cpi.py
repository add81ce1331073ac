#!/usr/bin/env python3
"""A one-shot CPI of the tests: VMs are agent processes on loopback, disks and stemcells are records in a directory.

Usage: `dummy_cpi.py CONFIG.json` with one request on standard input, as the CPI contract has it; the answer is one JSON object on
standard output. The director starts CPIs with an empty environment, so everything the cloud must know stands in the file (`Settings`
in `dummy_cloud.py`). `wrapper()` writes the executable that goes into `cloud.provider.path`.
"""

from __future__ import annotations

import inspect
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from dummy_cloud import Cloud, CloudError, Settings

SECRET_ARGUMENTS = {"create_vm": (5,)}


def answer(cloud: Cloud, request: dict[str, Any]) -> dict[str, Any]:
    """Carry out one request; errors become the contract's `error` object."""
    method, arguments = str(request["method"]), list(request.get("arguments") or [])
    try:
        if method not in Cloud.METHODS:
            raise CloudError("Bosh::Clouds::NotImplemented", f"Method is not known, got {method}")
        cloud.fail_if_asked(method)
        call = getattr(cloud, method)
        try:
            inspect.signature(call).bind(*arguments)
        except TypeError as error:
            raise CloudError("InvalidCall", f"{method}: {error}") from error
        result = call(*arguments)
    except CloudError as error:
        return {"result": None, "error": error.as_json(), "log": f"dummy CPI: {method} failed"}
    return {"result": result, "error": None, "log": f"dummy CPI: {method} done"}


def record(state: Path, request: dict[str, Any], response: dict[str, Any], seconds: float) -> None:
    """Append the call to `calls.jsonl`; env (it holds keys) is left out. One write, so that parallel calls do not mix."""
    method = str(request["method"])
    hidden = SECRET_ARGUMENTS.get(method, ())
    arguments = ["<hidden>" if i in hidden else value for i, value in enumerate(request.get("arguments") or [])]
    row = {
        "time": time.time(),
        "seconds": round(seconds, 4),
        "method": method,
        "arguments": arguments,
        "api_version": request.get("api_version"),
        "context": sorted(request.get("context") or {}),
        "result": response["result"],
        "error": response["error"],
    }
    handle = os.open(state / "calls.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(handle, (json.dumps(row) + "\n").encode())
    finally:
        os.close(handle)


def wrapper(path: Path, config: Path) -> Path:
    """Write the executable a director is given, and return its path."""
    path.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{Path(__file__).resolve()}" "{config}"\n')
    path.chmod(0o755)
    return path


def main() -> int:
    settings = Settings.load(Path(sys.argv[1]))
    request = json.loads(sys.stdin.read())
    began = time.monotonic()
    response = answer(Cloud(settings), request)
    record(settings.state, request, response, time.monotonic() - began)
    print(json.dumps(response))
    return 0


if __name__ == "__main__":
    sys.exit(main())
