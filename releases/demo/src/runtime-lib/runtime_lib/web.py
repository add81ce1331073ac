"""A threaded HTTP server whose routes take a request and return (status, JSON value)."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import FrameType

Answer = tuple[int, object]
Route = Callable[[BaseHTTPRequestHandler], Answer]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True


def serve(port: int, routes: dict[tuple[str, str], Route]) -> None:
    """Serves until SIGTERM; `routes` maps (method, path) to a function."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer("GET")

        def do_POST(self) -> None:
            self._answer("POST")

        def _answer(self, method: str) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            if length:
                self.rfile.read(length)
            route = routes.get((method, self.path.split("?")[0]))
            status, value = route(self) if route else (404, {"error": "no such path"})
            body = (json.dumps(value) + "\n").encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = _Server(("", port), Handler)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        threading.Thread(target=server.shutdown, daemon=True).start()

    signal.signal(signal.SIGTERM, stop)
    print("listening on port", port, flush=True)
    server.serve_forever(poll_interval=0.1)
    print("stopped", flush=True)
