"""A wire to the vCenter that can be cut, slowed and lied on: every byte between comes from the real server."""

from __future__ import annotations

import datetime
import http.client
import re
import ssl
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

METHOD = re.compile(rb"<soapenv:Body>\s*<(\w+)")


@dataclass
class Fault:
    """What happens to calls of a method (or a path's begin): `lose` carries it out and drops the answer, `refuse`
    answers a status instead, `slow` waits before it is carried out, `cut` breaks off before it is."""

    method: str
    action: str
    times: int = 1
    status: int = 500
    seconds: float = 0.0
    met: int = 0


@dataclass
class Wire:
    """`address` stands for the vCenter's. `calls` are the SOAP methods seen, `cookies` the sessions."""

    target: str
    certificate: str
    faults: list[Fault] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    cookies: set[str] = field(default_factory=set)
    up: bool = True
    server: ThreadingHTTPServer = None

    @property
    def address(self):
        return f"localhost:{self.server.server_address[1]}"

    def fault(self, method, action, **more):
        self.faults.append(Fault(method, action, **more))
        return self.faults[-1]

    def meet(self, method):
        for fault in self.faults:
            path = fault.method.startswith("/") and method.startswith(fault.method)
            if (path or fault.method == method) and fault.met < fault.times:
                fault.met += 1
                return fault
        return None


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle(self):
        try:
            super().handle()
        except OSError:
            return

    def _pass(self):
        wire = self.server.wire
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        found = METHOD.search(body[:2000])
        method = found.group(1).decode() if found and self.path == "/sdk" else self.path
        wire.calls.append(method)
        fault = wire.meet(method)
        if not wire.up or (fault and fault.action == "cut"):
            self.close_connection = True
            self.connection.close()
            return
        if fault and fault.action == "refuse":
            self._answer(fault.status, [], b"injected")
            return
        if fault and fault.action == "slow":
            time.sleep(fault.seconds)
        answer = self._forward(body)
        if fault and fault.action == "lose":
            self.close_connection = True
            self.connection.close()
            return
        self._answer(*answer)

    do_GET = do_POST = do_PUT = do_DELETE = _pass

    def _forward(self, body):
        host, port = self.server.wire.target.split(":")
        upstream = http.client.HTTPSConnection(host, int(port), timeout=60, context=ssl._create_unverified_context())
        headers = {key: value for key, value in self.headers.items() if key.lower() not in ("host", "connection")}
        if "Cookie" in headers:
            self.server.wire.cookies.add(headers["Cookie"].partition("=")[2].partition(";")[0].strip('"'))
        try:
            upstream.request(self.command, self.path, body, headers)
            answer = upstream.getresponse()
            kept = [
                (key, value)
                for key, value in answer.getheaders()
                if key.lower() in ("set-cookie", "content-type", "content-encoding")
            ]
            return answer.status, kept, answer.read()
        finally:
            upstream.close()

    def _answer(self, status, headers, body):
        self.send_response(status)
        for key, value in headers:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        return


def open_wire(target, folder):
    """A wire in threads of this process; `close` ends it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    certificate = made.public_bytes(serialization.Encoding.PEM)
    pem = folder / "wire.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.wire = Wire(target, certificate.decode(), server=server)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    return server.wire


def close(wire):
    wire.server.shutdown()
    wire.server.server_close()
