"""A proxy before the cloud's endpoints: passes everything on, unless a fault is set for a request.

It rewrites the services' addresses in answers to its own, so that the catalogue leads back to it; with certificates it
speaks TLS. Faults are chosen by method and path.
"""

from __future__ import annotations

import http.client
import http.server
import re
import select
import socket
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class Fault:
    """What happens to the next `times` requests whose method and path match.

    `status`: answer with it, without asking the service. `lose`: ask the service, then close without an answer.
    `refuse`: close before asking. `delay`: seconds before asking. `then`: called after the service was asked.
    """

    method: str
    path: str
    times: int = 1
    status: int = 0
    body: str = '{"error": {"message": "the proxy says no"}}'
    headers: dict[str, str] = field(default_factory=dict)
    lose: bool = False
    refuse: bool = False
    delay: float = 0.0
    then: Callable[[], None] | None = None
    met: int = 0

    def meets(self, method: str, path: str) -> bool:
        return self.met < self.times and method == self.method and re.search(self.path, path) is not None


class FaultProxy:
    """One listener; the service is the first part of the path. `listener`: a socket to listen on, of another network maybe."""

    def __init__(self, targets: dict[str, str], certificate: str = "", plain_host: str = "127.0.0.1",
                 listener: socket.socket | None = None) -> None:  # fmt: skip
        self.targets = targets
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str]] = []
        self.down = False
        self.lock = threading.Lock()
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_one_request(self) -> None:
                super().handle_one_request()
                self.close_connection = True

            def log_message(self, *_: object) -> None:
                pass

            def do_GET(self) -> None:
                proxy.serve(self)

            do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_GET

            def do_CONNECT(self) -> None:
                proxy.tunnel(self)

        if listener is None:
            self.server = http.server.ThreadingHTTPServer((plain_host, 0), Handler)
        else:
            self.server = http.server.ThreadingHTTPServer((plain_host, 0), Handler, bind_and_activate=False)
            self.server.socket.close()
            self.server.socket, self.server.server_address = listener, listener.getsockname()
        self.server.daemon_threads = True
        scheme = "http"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
            scheme = "https"
        self.url = f"{scheme}://{plain_host}:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def auth_url(self) -> str:
        return f"{self.url}/keystone/v3"

    def fault(self, method: str, path: str, **how) -> Fault:
        """Set one; paths begin with the service's name."""
        one = Fault(method, path, **how)
        with self.lock:
            self.faults.append(one)
        return one

    def calm(self) -> None:
        """No faults, and up."""
        with self.lock:
            self.faults.clear()
            self.seen.clear()
        self.down = False

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def serve(self, request) -> None:
        if self.down:
            request.connection.close()
            return
        path = request.path
        if path.startswith("http://"):  # it is used as an ordinary HTTP proxy
            return self.pass_on(request, path, None)
        with self.lock:
            self.seen.append((request.command, path))
            one = next((fault for fault in self.faults if fault.meets(request.command, path)), None)
            if one is not None:
                one.met += 1
        service, _, rest = path.lstrip("/").partition("/")
        target = self.targets.get(service)
        if target is None:
            return self.answer(request, 404, b"no such service", {})
        return self.pass_on(request, f"{target}/{rest}", one)

    def pass_on(self, request, url: str, fault: Fault | None) -> None:
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length) if length else None
        if fault is not None:
            time.sleep(fault.delay)
            if fault.refuse:
                request.connection.close()
                return
            if fault.status:
                self.answer(request, fault.status, fault.body.encode(), {"Content-Type": "application/json",
                            "x-openstack-request-id": "req-of-the-proxy", **fault.headers})  # fmt: skip
                return
        host, _, rest = url.removeprefix("http://").partition("/")
        connection = http.client.HTTPConnection(host, timeout=120)
        hop = ("host", "connection", "content-length", "transfer-encoding", "accept-encoding", "proxy-connection")
        headers = {name: value for name, value in request.headers.items() if name.lower() not in hop}
        connection.request(request.command, f"/{rest}", body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        if fault is not None and fault.then is not None:
            fault.then()
        if fault is not None and fault.lose:
            request.connection.close()
            return
        kept = {name: value for name, value in answer.getheaders() if name.lower() not in hop}
        if "json" in answer.getheader("Content-Type", ""):
            for service, target in self.targets.items():
                data = data.replace(target.encode(), f"{self.url}/{service}".encode())
        if "Location" in kept:
            for service, target in self.targets.items():
                kept["Location"] = kept["Location"].replace(target, f"{self.url}/{service}")
        self.answer(request, answer.status, data, kept)

    def tunnel(self, request) -> None:
        """It is used as an HTTP proxy for TLS: bytes go through as they are."""
        with self.lock:
            self.seen.append(("CONNECT", request.path))
        host, _, port = request.path.partition(":")
        with socket.create_connection((host, int(port)), 10) as far:
            request.send_response_only(200)
            request.end_headers()
            near = request.connection
            while True:
                ready, _, _ = select.select([near, far], [], [], 30)
                for one in ready:
                    data = one.recv(65536)
                    if not data:
                        return
                    (far if one is near else near).sendall(data)
                if not ready:
                    return

    def answer(self, request, status: int, data: bytes, headers: dict[str, str]) -> None:
        try:
            request.send_response_only(status)
            for name, value in headers.items():
                request.send_header(name, value)
            request.send_header("Content-Length", str(len(data)))
            request.send_header("Connection", "close")
            request.end_headers()
            if request.command != "HEAD":
                request.wfile.write(data)
        except (BrokenPipeError, ConnectionResetError):
            pass  # whoever asked has gone
