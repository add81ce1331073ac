"""The agent of a VM without a director: the same requests over HTTPS, and blobs."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from agent_bus import Authority
from agent_process import AgentProcess, tarball

from lab.ports import free_port

REPLY_TO = "unused"


class Tool:
    """What makes a VM without a director."""

    def __init__(self, port: int, ca: str, user: str = "mbus", password: str = "p@ss") -> None:
        self._port = port
        self._context = ssl.create_default_context(cadata=ca)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        self._headers = {"Authorization": f"Basic {token}"}

    def send(self, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
        connection = http.client.HTTPSConnection("127.0.0.1", self._port, timeout=30, context=self._context)
        try:
            connection.request(method, path, body=body, headers=self._headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def ask(self, method: str, *arguments: Any) -> Any:
        body = {"method": method, "arguments": arguments, "reply_to": REPLY_TO}
        status, raw = self.send("POST", "/agent", json.dumps(body).encode())
        assert status == 200
        return json.loads(raw)

    def do(self, method: str, *arguments: Any) -> Any:
        answer = self.ask(method, *arguments)
        deadline = time.monotonic() + 30
        while isinstance(answer.get("value"), dict) and "agent_task_id" in answer["value"]:
            assert time.monotonic() < deadline
            time.sleep(0.05)
            answer = self.ask("get_task", answer["value"]["agent_task_id"])
        return answer

    def wait(self) -> None:
        deadline = time.monotonic() + 30
        while True:
            try:
                assert self.ask("ping") == {"value": "pong"}
                return
            except OSError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


class Address:
    """Stands where tests with a bus name its server."""

    def __init__(self, port: int) -> None:
        self.url = f"https://mbus:p%40ss@127.0.0.1:{port}"


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def vm(tmp_path: Path, zipapp: Path, authority: Authority, port: int) -> Iterator[AgentProcess]:
    certificate, key = authority.issue("agent", server=True)
    made = AgentProcess(
        tmp_path,
        zipapp,
        Address(port),  # type: ignore[arg-type]
        authority,
        mbus={"cert": {"ca": authority.pem, "certificate": certificate, "private_key": key}},
    )
    made.start()
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


def test_requests_blobs_and_a_deployment(vm: AgentProcess, port: int, authority: Authority) -> None:
    tool = Tool(port, authority.pem)
    tool.wait()
    assert tool.ask("nothing") == {"exception": {"message": "unknown message nothing"}}
    assert tool.send("POST", "/agent", b"no json")[0] == 400
    assert tool.send("POST", "/other", b"{}")[0] == 404

    archive = tarball({"job/bin/run": "#!/bin/sh\necho done\n"}) + bytes(3 << 20)
    assert tool.send("GET", "/blobs/templates")[0] == 404
    assert tool.send("PUT", "/blobs/templates", archive)[0] == 201
    assert tool.send("GET", "/blobs/templates") == (200, archive)
    assert tool.send("PUT", "/blobs/..%2fescape", b"x")[0] == 400
    assert tool.send("GET", "/blobs/.hidden")[0] == 400
    spec = {
        "job": {"name": "job", "template": "job", "templates": [{"name": "job", "version": "1"}]},
        "configuration_hash": "h",
        "rendered_templates_archive": {"blobstore_id": "templates", "sha1": hashlib.sha1(archive).hexdigest()},
    }
    assert tool.do("apply", spec) == {"value": "applied"}
    assert tool.do("run_errand") == {"value": {"stdout": "done\n", "stderr": "", "exit_code": 0}}


def test_strangers_are_refused(vm: AgentProcess, port: int, authority: Authority) -> None:
    Tool(port, authority.pem).wait()
    stranger = Tool(port, authority.pem, password="guess")
    for method, path in (("POST", "/agent"), ("GET", "/blobs/x"), ("PUT", "/blobs/x")):
        assert stranger.send(method, path, b"{}")[0] == 401
    assert "p@ss" not in vm.log and "p%40ss" not in vm.log


def test_a_silent_client_does_not_stop_the_others(vm: AgentProcess, port: int, authority: Authority) -> None:
    import socket

    tool = Tool(port, authority.pem)
    tool.wait()
    with socket.create_connection(("127.0.0.1", port)):
        assert tool.ask("ping") == {"value": "pong"}


def test_a_new_certificate_is_served_after_the_restart(vm: AgentProcess, port: int, authority: Authority) -> None:
    tool = Tool(port, authority.pem)
    tool.wait()
    other = Authority("another-ca")
    certificate, key = other.issue("agent", server=True)
    cert = {"ca": other.pem, "certificate": certificate, "private_key": key}
    task = tool.ask("update_settings", {"mbus": {"cert": cert}})["value"]["agent_task_id"]
    renewed = Tool(port, other.pem)
    renewed.wait()
    assert renewed.ask("get_task", task) == {"value": "ok"}
    assert vm.stop() == 0
