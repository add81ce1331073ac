"""A blob server over TLS that checks signatures and can hold requests back."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import ssl
import threading
import urllib.parse
from pathlib import Path
from typing import Any

from agent_bus import Authority


class BlobServer:
    """Blobs in memory. ``gate`` open: requests pass; closed: they wait. ``failures``: answer 503 that many times."""

    def __init__(self, folder: Path, authority: Authority, port: int = 0) -> None:
        self.blobs: dict[str, bytes] = {}
        self.gate = threading.Event()
        self.gate.set()
        self.requests: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.failures = 0
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer._get(self)

            def do_PUT(self) -> None:
                outer._put(self)

            def log_message(self, format: str, *args: Any) -> None:
                return

        folder.mkdir(parents=True, exist_ok=True)
        certificate, key = authority.issue("blobs", server=True)
        (folder / "blobs.pem").write_text(certificate + key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "blobs.pem")
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self.port = self._server.server_port
        self._server.daemon_threads = True
        self._server.handle_error = lambda request, client_address: None
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, method: str, blob_id: str) -> str:
        return f"https://127.0.0.1:{self._server.server_port}/blobs/{blob_id}?sig={_sign(method, blob_id)}"

    def add(self, content: bytes, blob_id: str) -> dict[str, Any]:
        """The keys of an apply spec's entry."""
        self.blobs[blob_id] = content
        digest = f"{hashlib.sha1(content).hexdigest()};sha256:{hashlib.sha256(content).hexdigest()}"
        headers = {"x-lab": "yes"}
        return {"signed_url": self.url("GET", blob_id), "sha1": digest, "blobstore_headers": headers}

    def _check(self, handler: http.server.BaseHTTPRequestHandler) -> str | None:
        parts = urllib.parse.urlsplit(handler.path)
        blob_id = parts.path.rpartition("/")[2]
        self.requests.append(f"{handler.command} {blob_id}")
        self.headers.append(dict(handler.headers.items()))
        self.gate.wait()
        if self.failures > 0:
            self.failures -= 1
            _answer(handler, 503)
            return None
        given = urllib.parse.parse_qs(parts.query).get("sig", [""])[0]
        if given != _sign(handler.command, blob_id):
            _answer(handler, 403)
            return None
        return blob_id

    def _get(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        blob_id = self._check(handler)
        if blob_id is not None:
            found = self.blobs.get(blob_id)
            _answer(handler, 404 if found is None else 200, found or b"")

    def _put(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers["Content-Length"]))
        blob_id = self._check(handler)
        if blob_id is not None:
            self.blobs[blob_id] = body
            _answer(handler, 201)


def _sign(method: str, blob_id: str) -> str:
    return hmac.new(b"lab", f"{method} {blob_id}".encode(), hashlib.sha256).hexdigest()


def _answer(handler: http.server.BaseHTTPRequestHandler, status: int, body: bytes = b"") -> None:
    try:
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)
    except OSError:
        return
