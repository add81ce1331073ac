"""The bus of a VM that was made without a director: the tool that made it posts requests over HTTPS."""

from __future__ import annotations

import asyncio
import base64
import hmac
import http.server
import logging
import os
import shutil
import ssl
import tempfile
import threading
import urllib.parse
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path
from typing import Any

from agent.blobs.by_id import safe_id
from agent.errors import BlobError, SettingsError
from agent.process.command import command
from agent.settings.model import Settings
from agent.shapes import object_or_empty, string_or_empty

log = logging.getLogger(__name__)

_LARGEST_REQUEST = 64 << 20


class HttpsEndpoint:
    """POST /agent answers requests, /blobs/<id> takes (201) and gives (200, 404) blobs; basic authentication.

    It stands where a connection to NATS would: nobody listens to heartbeats, results are asked for with get_task.
    """

    def __init__(self, settings: Settings, answer: Callable[[bytes], bytes | None], folder: Path) -> None:
        url = urllib.parse.urlsplit(settings.bus_urls[0])
        if not url.port or not url.username or not url.password:
            raise SettingsError("settings: mbus: expected https://user:password@address:port")
        self._answer = answer
        self._folder = _blob_folder(settings, folder)
        user, password = urllib.parse.unquote(url.username), urllib.parse.unquote(url.password)
        self._authorization = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
        self._server = http.server.ThreadingHTTPServer((url.hostname or "", url.port), self._handler())
        self._server.daemon_threads = True
        # The handshake belongs to the request's own thread: a silent client must not stop the others.
        self._server.socket = _identity(settings).wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )

    @property
    def connected(self) -> bool:
        """Never: there is nobody to send to unasked."""
        return False

    async def publish(self, subject: str, payload: bytes) -> bool:
        """True: what is pushed is taken for told."""
        return True

    async def run(self) -> None:
        """Serve until cancelled."""
        thread = threading.Thread(target=self._server.serve_forever, name="https", daemon=True)
        thread.start()
        log.info("requests are answered over HTTPS at port %d", self._server.server_port)
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.to_thread(self._server.shutdown)
            self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        endpoint = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 60

            def do_POST(self) -> None:
                endpoint.serve(self, endpoint.post)

            def do_GET(self) -> None:
                endpoint.serve(self, endpoint.get)

            def do_PUT(self) -> None:
                endpoint.serve(self, endpoint.put)

            def log_message(self, format: str, *args: Any) -> None:
                log.debug(format, *args)

        return Handler

    def serve(
        self,
        handler: http.server.BaseHTTPRequestHandler,
        method: Callable[[http.server.BaseHTTPRequestHandler], None],
    ) -> None:
        """One request, if its sender may ask."""
        given = handler.headers.get("Authorization", "").encode()
        if not hmac.compare_digest(given, self._authorization):
            _say(handler, HTTPStatus.UNAUTHORIZED, {"WWW-Authenticate": 'Basic realm=""'})
            return
        try:
            method(handler)
        except BlobError:
            _say(handler, HTTPStatus.BAD_REQUEST)
        except OSError as error:
            log.warning("%s %s: %s", handler.command, handler.path.partition("?")[0], error)
            handler.close_connection = True

    def post(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """POST /agent."""
        size = _size(handler)
        if handler.path != "/agent" or size is None or size > _LARGEST_REQUEST:
            _say(handler, HTTPStatus.NOT_FOUND if handler.path != "/agent" else HTTPStatus.BAD_REQUEST)
            return
        reply = self._answer(handler.rfile.read(size))
        if reply is None:
            _say(handler, HTTPStatus.BAD_REQUEST)
            return
        _say(handler, HTTPStatus.OK, {"Content-Type": "application/json"}, reply)

    def get(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """GET /blobs/<id>."""
        path = self._blob(handler)
        if path is None or not path.is_file():
            _say(handler, HTTPStatus.NOT_FOUND)
            return
        with open(path, "rb") as file:
            handler.send_response(HTTPStatus.OK)
            handler.send_header("Content-Length", str(os.fstat(file.fileno()).st_size))
            handler.end_headers()
            shutil.copyfileobj(file, handler.wfile)

    def put(self, handler: http.server.BaseHTTPRequestHandler) -> None:
        """PUT /blobs/<id>."""
        path, left = self._blob(handler), _size(handler)
        if path is None or left is None:
            _say(handler, HTTPStatus.NOT_FOUND if path is None else HTTPStatus.LENGTH_REQUIRED)
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".upload-", delete=False) as file:
            try:
                while left > 0:
                    chunk = handler.rfile.read(min(left, 1 << 18))
                    if not chunk:
                        raise OSError("the sender stopped in the middle of a blob")
                    file.write(chunk)
                    left -= len(chunk)
            except OSError:
                Path(file.name).unlink()
                raise
        Path(file.name).replace(path)
        _say(handler, HTTPStatus.CREATED)

    def _blob(self, handler: http.server.BaseHTTPRequestHandler) -> Path | None:
        folder, _, blob_id = urllib.parse.urlsplit(handler.path).path.rpartition("/")
        return self._folder / safe_id(urllib.parse.unquote(blob_id)) if folder == "/blobs" else None


def _size(handler: http.server.BaseHTTPRequestHandler) -> int | None:
    text = handler.headers.get("Content-Length", "")
    return int(text) if text.isdigit() else None


def _say(
    handler: http.server.BaseHTTPRequestHandler,
    status: HTTPStatus,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
) -> None:
    handler.send_response(status)
    for name, value in {**(headers or {}), "Content-Length": str(len(body))}.items():
        handler.send_header(name, value)
    handler.end_headers()
    handler.wfile.write(body)


def _blob_folder(settings: Settings, folder: Path) -> Path:
    options = object_or_empty(settings.blobstore.get("options"))
    return Path(string_or_empty(options.get("blobstore_path")) or folder)


def _identity(settings: Settings) -> ssl.SSLContext:
    """The certificate of env.bosh.mbus.cert; one signed by itself where the settings have none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    given = object_or_empty(settings.bus.get("cert"))
    certificate, key = string_or_empty(given.get("certificate")), string_or_empty(given.get("private_key"))
    with tempfile.TemporaryDirectory(dir="/dev/shm" if os.path.isdir("/dev/shm") else None) as folder:  # noqa: S108
        pair, lone = Path(folder, "pair.pem"), Path(folder, "key.pem")
        if certificate and key:
            pair.write_text(f"{certificate.rstrip()}\n{key.rstrip()}\n")
        else:
            subject = ["-subj", "/CN=agent", "-days", "3650", "-nodes", "-keyout", lone, "-out", pair]
            command(["openssl", "req", "-x509", "-newkey", "rsa:3072", *subject])
            pair.write_text(pair.read_text() + lone.read_text())
        context.load_cert_chain(pair)
    return context
