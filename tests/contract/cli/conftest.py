"""A director by the contract: a real HTTPS server on loopback that answers from a small world and records requests."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from meristem.cli.main import main
from meristem.formats.generated_keys import certificate

USER, PASSWORD = "admin", "s3cret"


@dataclass
class Request:
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Task:
    """A task whose event lines appear one after the other, `pace` seconds apart, no more than `shown` of them; it ends with `state`."""

    id: int
    events: list[dict[str, Any]] = field(default_factory=list)
    result_output: str = ""
    result: str | None = None
    state: str = "done"
    pace: float = 0.0
    shown: int | None = None
    started: float = field(default_factory=time.monotonic)
    debug: str = "debug line\n"

    def visible(self) -> list[dict[str, Any]]:
        told = self.events[: self.shown]
        if not self.pace:
            return told
        return told[: int((time.monotonic() - self.started) / self.pace)]

    @property
    def ended(self) -> bool:
        return len(self.visible()) == len(self.events)

    def record(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "state": self.state if self.ended else "processing",
            "description": "create deployment",
            "timestamp": 1700000100 if self.ended else None,
            "started_at": 1700000000,
            "result": self.result if self.ended else None,
            "user": USER,
            "deployment": "demo",
            "context_id": "",
        }

    def text(self, kind: str) -> str:
        if kind == "event":
            return "".join(json.dumps(event) + "\n" for event in self.visible())
        return {"result": self.result_output, "debug": self.debug, "cpi": ""}[kind]


@dataclass
class World:
    """Canned replies by `METHOD /path`; a Task as reply means a redirect to it."""

    url: str = ""
    replies: dict[str, Any] = field(default_factory=dict)
    tasks: dict[int, Task] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)
    follows: bool = False
    followed: Callable[[Task], None] = lambda task: None
    uaa: bool = False
    accepted: str = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()

    def task(self, *events: dict[str, Any], **attributes: Any) -> Task:
        made = Task(len(self.tasks) + 1, list(events), **attributes)
        self.tasks[made.id] = made
        return made

    def sent(self, method: str, path: str) -> list[Request]:
        return [request for request in self.requests if (request.method, request.path) == (method, path)]


def handler(world: World) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: Any) -> None:
            pass

        def handle_any(self) -> None:
            url = urlsplit(self.path)
            query = {key: values[0] for key, values in parse_qs(url.query, keep_blank_values=True).items()}
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            request = Request(self.command, url.path, query, dict(self.headers), body)
            world.requests.append(request)
            if url.path == "/info":
                user = USER if self.headers.get("Authorization") == world.accepted else None
                info = {"name": "lab", "uuid": "u-1", "version": "280.0.0 (00000000)", "user": user, "cpi": "libvirt"}
                kind, options = ("uaa", {"url": world.url + "/uaa"}) if world.uaa else ("basic", {})
                info["user_authentication"] = {"type": kind, "options": options}
                info["features"] = {"snapshots": {"status": False, "extras": {}}}
                self.answer(200, info)
            elif url.path.startswith("/uaa/"):
                self.reply(world.replies.get(f"{self.command} {url.path}"), request)
            elif self.headers.get("Authorization") != world.accepted:
                self.answer(401, f"Not authorized: '{url.path}'\n", {"WWW-Authenticate": 'Basic realm="BOSH Director"'})
            elif url.path.startswith("/tasks/") and self.command == "GET" and not url.path.endswith("/report"):
                self.task(url.path, query)
            else:
                self.reply(world.replies.get(f"{self.command} {url.path}"), request)

        do_GET = do_POST = do_PUT = do_DELETE = handle_any

        def reply(self, canned: Any, request: Request) -> None:
            if callable(canned):
                canned = canned(request)
            if canned is None:
                self.answer(404, f"Endpoint '{request.path}' not found.")
            elif isinstance(canned, Task):
                canned.started = time.monotonic()
                self.answer(302, "", {"Location": f"{world.url}/tasks/{canned.id}"})
            elif isinstance(canned, tuple):
                self.answer(*canned)
            else:
                self.answer(200, canned)

        def task(self, path: str, query: dict[str, str]) -> None:
            number, _, rest = path.removeprefix("/tasks/").partition("/")
            task = world.tasks.get(int(number))
            if task is None:
                self.answer(404, {"code": 10000, "description": f"Task {number} not found"})
            elif rest != "output":
                self.answer(200, task.record())
            elif query.get("follow") and world.follows:
                self.stream(task, self.offset())
            else:
                self.output(task.text(query["type"]).encode(), self.offset())

        def offset(self) -> int:
            return int((self.headers["Range"] or "bytes=0-").removeprefix("bytes=").rstrip("-"))

        def output(self, content: bytes, offset: int) -> None:
            if not content:
                self.answer(204, "")
            elif offset >= len(content):
                self.answer(416, "", {"Content-Range": f"bytes */{len(content)}"})
            else:
                span = f"bytes {offset}-{len(content) - 1}/{len(content)}"
                self.answer(206, content[offset:].decode(), {"Content-Range": span})

        def stream(self, task: Task, offset: int) -> None:
            world.followed(task)
            self.send_response(200)
            self.send_header("X-Meristem-Follow", "1")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            sent = offset
            while True:
                ended = task.ended
                fresh = task.text("event").encode()[sent:]
                if fresh:
                    self.wfile.write(f"{len(fresh):x}\r\n".encode() + fresh + b"\r\n")
                    sent += len(fresh)
                if ended:
                    break
                time.sleep(0.02)
            self.wfile.write(b"0\r\n\r\n")

        def answer(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
            body = (
                value
                if isinstance(value, bytes)
                else value.encode()
                if isinstance(value, str)
                else json.dumps(value).encode()
            )
            self.send_response(status)
            for name, text in (headers or {}).items():
                self.send_header(name, text)
            if status != 204:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if status != 204:
                self.wfile.write(body)

    return Handler


class QuietServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that go away are part of these tests."""


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    place = tmp_path_factory.mktemp("tls")
    authority: Any = certificate("ca", {"common_name": "ca", "is_ca": True}, None)
    server: Any = certificate("d", {"common_name": "director", "alternative_names": ["127.0.0.1"]}, authority)
    (place / "ca.pem").write_text(authority["certificate"])
    (place / "server.pem").write_text(server["certificate"] + server["private_key"])
    return place / "ca.pem", place / "server.pem"


@pytest.fixture
def world(tls: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    made = World()
    server = QuietServer(("127.0.0.1", 0), handler(made))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls[1])
    server.socket = context.wrap_socket(server.socket, server_side=True)
    made.url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    for name, value in {
        "BOSH_ENVIRONMENT": f"127.0.0.1:{server.server_port}",
        "BOSH_CA_CERT": str(tls[0]),
        "BOSH_CLIENT": USER,
        "BOSH_CLIENT_SECRET": PASSWORD,
        "MERISTEM_CONFIG": str(tmp_path / "config"),
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("BOSH_DEPLOYMENT", "BOSH_NON_INTERACTIVE", "BOSH_TTY"):
        monkeypatch.delenv(name, raising=False)
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Runner:
    """Runs the command in this process, with its output caught."""

    def __init__(self, capture: pytest.CaptureFixture[str]) -> None:
        self._capture = capture

    def __call__(self, *words: str) -> Ran:
        self._capture.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(words)
        out, err = self._capture.readouterr()
        assert "Traceback" not in err
        assert PASSWORD not in out + err
        return Ran(int(ended.value.code or 0), out, err)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(capsys)
