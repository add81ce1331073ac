"""Serves the probe on ``$PORT``."""

from __future__ import annotations

import json
import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from probe import hostile, services, websocket

INSTANCE = json.loads(os.environ.get("VCAP_APPLICATION", "{}"))


class Probe(BaseHTTPRequestHandler):
    """One request; what is asked for is a method of its first path part."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        asked = parts.path.strip("/").partition("/")[0] or "index"
        answer = getattr(self, f"answer_{asked}", None)
        if answer is None:
            self.send("not found\n", 404)
            return
        answer(dict(parse_qsl(parts.query)))

    def do_POST(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        read = 0
        while read < length and (data := self.rfile.read(min(65536, length - read))):
            read += len(data)
        self.send(json.dumps({"bytes": read}))

    def send(self, text: str, status: int = 200, **headers: str) -> None:
        data = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.send_header("X-Instance", str(INSTANCE.get("instance_index", "")))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(data)

    def answer_index(self, _: dict[str, str]) -> None:
        self.send(f"probe {INSTANCE.get('instance_index', '?')}\n")

    def answer_env(self, _: dict[str, str]) -> None:
        self.send(json.dumps(dict(os.environ)))

    def answer_headers(self, _: dict[str, str]) -> None:
        self.send(json.dumps(dict(self.headers)))

    def answer_session(self, _: dict[str, str]) -> None:
        self.send(f"{INSTANCE.get('instance_id', '')}\n", Set_Cookie="JSESSIONID=probe; Path=/")

    def answer_log(self, query: dict[str, str]) -> None:
        print(query.get("line", ""), flush=True)
        print(query.get("error", ""), file=sys.stderr, flush=True)
        self.send("logged\n")

    def answer_exit(self, query: dict[str, str]) -> None:
        self.send("going\n")
        self.wfile.flush()
        os._exit(int(query.get("status", "7")))

    def answer_kill(self, query: dict[str, str]) -> None:
        self.send("going\n")
        self.wfile.flush()
        os.kill(os.getpid(), int(query.get("signal", signal.SIGKILL)))

    def answer_service(self, query: dict[str, str]) -> None:
        self._try(services.write_and_read, query)

    def answer_hostile(self, query: dict[str, str]) -> None:
        self._try(hostile.TRIES[query["what"]], query)

    def answer_ws(self, _: dict[str, str]) -> None:
        self.close_connection = True
        websocket.echo(self.headers, self.rfile, self.wfile)

    def _try(self, work, query: dict[str, str]) -> None:
        try:
            self.send(json.dumps({"result": work(query)}))
        except Exception as error:  # what went wrong is what is asked for
            self.send(json.dumps({"error": f"{type(error).__name__}: {error}"}), 500)

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests are the router's to log."""


if __name__ == "__main__":
    print("probe starts", flush=True)
    server = ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Probe)
    server.daemon_threads = True
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server.serve_forever()
