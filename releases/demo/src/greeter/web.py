"""The web front: greets, says which instance answered, and counts the visit in the store."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler
from typing import Any

from runtime_lib.client import fetch
from runtime_lib.web import Answer, serve


def run(config: dict[str, Any]) -> None:
    """Serves `GET /` and `GET /health` on config["port"]; the store's address comes from the link."""
    target = "http://{address}:{port}/counter".format(**config["store"])
    password = config["store"]["password"]

    def health(_request: BaseHTTPRequestHandler) -> Answer:
        return 200, {"status": "ok"}

    def greet(_request: BaseHTTPRequestHandler) -> Answer:
        answer = {"greeting": config["greeting"], "instance": config["instance"]}
        try:
            return 200, {**answer, "store": fetch(target, token=password, method="POST")}
        except (OSError, ValueError) as error:
            return 502, {**answer, "error": "store at " + target + ": " + str(error)}

    serve(config["port"], {("GET", "/health"): health, ("GET", "/"): greet})
