"""ssh and scp against a real SSH server on loopback that knows the throw-away key from the director's setup call."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import paramiko
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from paramiko.common import cMSG_CHANNEL_SUCCESS


class Files(paramiko.SFTPServerInterface):
    """SFTP on the real file system."""

    def stat(self, path: str) -> Any:
        try:
            return paramiko.SFTPAttributes.from_stat(os.stat(path))
        except OSError as error:
            return paramiko.SFTPServer.convert_errno(error.errno or 0)

    lstat = stat

    def list_folder(self, path: str) -> Any:
        return [paramiko.SFTPAttributes.from_stat(os.stat(os.path.join(path, name)), name) for name in os.listdir(path)]

    def mkdir(self, path: str, attr: Any) -> int:
        os.mkdir(path)
        return paramiko.SFTP_OK

    def chattr(self, path: str, attr: Any) -> int:
        os.chmod(path, attr.st_mode)
        return paramiko.SFTP_OK

    def open(self, path: str, flags: int, attr: Any) -> Any:
        handle = paramiko.SFTPHandle(flags)
        opened = os.fdopen(os.open(path, flags, 0o666), "wb" if flags & os.O_WRONLY else "rb")
        if flags & os.O_WRONLY:
            handle.writefile = opened
        else:
            handle.readfile = opened
        return handle


class Shell(paramiko.ServerInterface):
    def __init__(self, allowed: dict[str, str]) -> None:
        self.allowed = allowed

    def check_auth_publickey(self, username: str, key: paramiko.PKey) -> int:
        fits = self.allowed.get(username, "").split()[1:2] == [key.get_base64()]
        return paramiko.AUTH_SUCCESSFUL if fits else paramiko.AUTH_FAILED

    def get_allowed_auths(self, username: str) -> str:
        return "publickey"

    def check_channel_request(self, kind: str, chanid: int) -> int:
        return paramiko.OPEN_SUCCEEDED

    def check_channel_exec_request(self, channel: paramiko.Channel, command: bytes) -> bool:
        def run() -> None:
            if command == b"break":
                channel.transport.close()
                return
            done = subprocess.run(["bash", "-c", command.decode()], capture_output=True, check=False)
            channel.sendall(done.stdout)
            channel.sendall_stderr(done.stderr)
            channel.send_exit_status(done.returncode)
            channel.close()

        channel.transport.begin = run
        return True


class Transport(paramiko.Transport):
    """Begins a command when it has told the client that it begins: its end must not overtake that."""

    begin: Callable[[], None] | None = None

    def _send_user_message(self, data: Any) -> None:
        super()._send_user_message(data)
        if self.begin is not None and data.asbytes()[:1] == cMSG_CHANNEL_SUCCESS:
            begin, self.begin = self.begin, None
            threading.Thread(target=begin, daemon=True).start()


class Sshd:
    def __init__(self) -> None:
        self.allowed: dict[str, str] = {}
        self.key = paramiko.RSAKey(key=rsa.generate_private_key(65537, 2048))
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.transports: list[paramiko.Transport] = []
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            transport = Transport(client)
            transport.add_server_key(self.key)
            transport.set_subsystem_handler("sftp", paramiko.SFTPServer, Files)
            self.transports.append(transport)
            # a client that does not like the key hangs up in the middle of the handshake
            with contextlib.suppress(paramiko.SSHException, EOFError, OSError):
                transport.start_server(server=Shell(self.allowed))

    def close(self) -> None:
        self.listener.close()
        for transport in self.transports:
            transport.close()


@pytest.fixture
def sshd(world: Any) -> Iterator[Sshd]:
    server = Sshd()

    def asked(request: Any) -> Any:
        body = request.json
        if body["command"] == "cleanup":
            server.allowed.clear()
            return world.task()
        server.allowed[body["params"]["user"]] = body["params"]["public_key"]
        rows = [
            {
                "command": "setup",
                "status": "success",
                "ip": "127.0.0.1",
                "host_public_key": f"ssh-rsa {server.key.get_base64()} root@vm",
                "job": "web",
                "id": name,
                "index": index,
            }
            for index, name in enumerate(("a", "b"))
            if body["target"]["ids"] in ([], [name]) and body["target"]["indexes"] in ([], [index])
        ]
        return world.task(result_output=json.dumps(rows) + "\n")

    world.replies["POST /deployments/demo/ssh"] = asked
    yield server
    server.close()


@pytest.fixture
def on_demo(run: Callable[..., Any], sshd: Sshd) -> Callable[..., Any]:
    return lambda verb, *words: run("-d", "demo", verb, "--opts", f"-p {sshd.port}", *words)


def test_a_connection_that_breaks_is_told_by_instance(world: Any, on_demo: Callable[..., Any], sshd: Sshd) -> None:
    ran = on_demo("ssh", "web", "-c", "break")
    assert ran.code != 0
    for name in ("web/a", "web/b"):
        assert f"{name}: The SSH connection ended before the command did" in ran.err
    assert "Unexpected" not in ran.err


def test_a_command_on_all(world: Any, on_demo: Callable[..., Any], sshd: Sshd) -> None:
    ran = on_demo("ssh", "web", "-c", "echo hi; echo no >&2")
    assert ran.code == 0, ran.err
    assert sorted(ran.out.splitlines()) == ["web/a: stdout | hi", "web/b: stdout | hi"]
    setup, cleanup = (request.json for request in world.sent("POST", "/deployments/demo/ssh"))
    assert setup["params"]["user"].startswith("bosh_")
    assert len(setup["params"]["user"]) == 20
    assert setup["target"] == {"job": "web", "ids": [], "indexes": []}
    assert cleanup["params"] == {"user_regex": "^" + setup["params"]["user"]}
    assert not sshd.allowed


def test_results_and_failure(on_demo: Callable[..., Any]) -> None:
    ran = on_demo("ssh", "web/1", "-c", "echo out; exit 3", "--results", "--json")
    assert ran.code == 1
    rows = ran.json["Tables"][0]["Rows"]
    assert rows == [{"instance": "web/b", "stdout": "out\n", "stderr": "", "exit_code": "3", "error": ""}]
    assert "web/b (exit 3)" in ran.json["Lines"][-2]


def test_a_foreign_host_key_is_refused(on_demo: Callable[..., Any], sshd: Sshd, world: Any) -> None:
    real = world.replies["POST /deployments/demo/ssh"]

    def lying(request: Any) -> Any:
        other = paramiko.RSAKey(key=rsa.generate_private_key(65537, 2048)).get_base64()
        task = real(request)
        task.result_output = task.result_output.replace(sshd.key.get_base64(), other)
        return task

    world.replies["POST /deployments/demo/ssh"] = lying
    ran = on_demo("ssh", "web/a", "-c", "echo hi")
    assert ran.code == 1
    assert "hi" not in ran.out
    assert "Cannot reach web/a" in ran.err
    assert len(world.sent("POST", "/deployments/demo/ssh")) == 2, "the user was not removed"


def test_copy_there_and_back(on_demo: Callable[..., Any], tmp_path: Path) -> None:
    source = tmp_path / "tree"
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "x").write_text("content")
    (source / "deep" / "x").chmod(0o750)
    far, near = tmp_path / "far", tmp_path / "near"
    far.mkdir()
    near.mkdir()
    assert on_demo("scp", str(source), f"web/0:{far}").code == 1
    ran = on_demo("scp", "-r", str(source), f"web/0:{far}")
    assert ran.code == 0, ran.err
    assert (far / "tree/deep/x").read_text() == "content"
    assert (far / "tree/deep/x").stat().st_mode & 0o777 == 0o750
    assert on_demo("scp", "-r", f"web/0:{far}/tree", str(near)).code == 0
    assert (near / "tree/deep/x").read_text() == "content"
    assert on_demo("scp", f"web:{far}/tree/deep/x", f"{near}/from-((instance_id))").code == 0
    assert {path.name for path in near.iterdir()} == {"tree", "from-a", "from-b"}


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("a", "b"), "Neither source nor destination"),
        (("web:/a", "web:/b"), "instance to instance"),
        (("web:/a",), "at least one source"),
        (("web:/a", "db:/a", "."), "same instances"),
    ],
)
def test_scp_words(on_demo: Callable[..., Any], words: tuple[str, ...], said: str) -> None:
    ran = on_demo("scp", *words)
    assert ran.code == 1
    assert said in ran.err


def test_unknown_instance(on_demo: Callable[..., Any]) -> None:
    ran = on_demo("ssh", "web/7", "-c", "true")
    assert ran.code == 1
    assert "No instance matches" in ran.err
