"""The store: a counter on the persistent disk, behind a password."""

from __future__ import annotations

import hmac
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from runtime_lib.counter import Counter
from runtime_lib.web import Answer, serve


def run(config: dict[str, Any]) -> None:
    """Serves `GET /health`, `GET /counter`, `POST /counter` on config["port"]."""
    counter = Counter(Path(config["data_dir"]) / "counter")
    expected = "Bearer " + config["password"]

    def allowed(request: BaseHTTPRequestHandler) -> bool:
        given = request.headers.get("Authorization") or ""
        return hmac.compare_digest(given.encode(), expected.encode())

    def health(_request: BaseHTTPRequestHandler) -> Answer:
        return 200, {"status": "ok"}

    def read(request: BaseHTTPRequestHandler) -> Answer:
        if not allowed(request):
            return 401, {"error": "wrong password"}
        return 200, {"counter": counter.value(), "instance": config["instance"]}

    def increment(request: BaseHTTPRequestHandler) -> Answer:
        if not allowed(request):
            return 401, {"error": "wrong password"}
        return 200, {"counter": counter.raise_by_one(), "instance": config["instance"]}

    serve(config["port"], {("GET", "/health"): health, ("GET", "/counter"): read, ("POST", "/counter"): increment})
