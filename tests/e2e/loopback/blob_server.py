"""An HTTPS blobstore with signed URLs, for agents that are tested without a director."""

from __future__ import annotations

import ssl
import threading
import uuid
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from tests.e2e.loopback.certificates import Authority


@dataclass
class BlobServer:
    """Objects lie flat in `directory`; a URL opens one object for one method, and only with the header that went along."""

    directory: Path
    server: ThreadingHTTPServer
    ca: str
    headers: dict[str, str]
    granted: dict[str, tuple[str, str]]

    def sign(self, blob: str, method: str = "GET") -> str:
        token = uuid.uuid4().hex
        self.granted[token] = (method, blob)
        return f"https://127.0.0.1:{self.server.server_address[1]}/blobs/{blob}?token={token}"

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


def start_blob_server(directory: Path, authority: Authority) -> BlobServer:
    """Serve ``directory`` on a free port of 127.0.0.1 with a certificate of ``authority``."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self._granted("GET")
            if path and path.exists():
                self._answer(200, path.read_bytes())
            elif path:
                self._answer(404)

        def do_PUT(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            path = self._granted("PUT")
            if path:
                path.write_bytes(content)
                self._answer(201)

        def _granted(self, method: str) -> Path | None:
            url = urlsplit(self.path)
            blob = url.path.removeprefix("/blobs/")
            token = parse_qs(url.query).get("token", [""])[0]
            headers_match = all(self.headers.get(name) == value for name, value in store.headers.items())
            if store.granted.get(token) != (method, blob) or not headers_match:
                self._answer(403)
                return None
            return store.directory / blob

        def _answer(self, status: int, body: bytes = b"") -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("blobs", "blobs.test", server=True))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    store = BlobServer(directory, server, authority.certificate.read_text(), {"x-test-header": "sent"}, {})
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return store
