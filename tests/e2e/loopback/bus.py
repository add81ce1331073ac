"""nats-server of a loopback world: mutual TLS, `verify_and_map`, users from a file that the director keeps."""

from __future__ import annotations

import json
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from lab.ports import free_port
from tests.e2e.loopback.certificates import Authority

DIRECTOR = "C=USA, O=Cloud Foundry, CN=default.director.bosh-internal"
MONITOR = "C=USA, O=Cloud Foundry, CN=default.hm.bosh-internal"


def wait_for_port(port: int, seconds: float, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the port answers; an AssertionError with the end of the log when the process ends or the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    state = "is still starting" if process.poll() is None else f"ended with {process.returncode}"
    raise AssertionError(f"{process.args!r} {state}, port {port} is closed. Log:\n{log.read_text()[-6000:]}")


def agent_user(agent_id: str, *, bootstrap: bool = False) -> dict[str, object]:
    """The users-file entry of an agent, for its permanent or its bootstrap certificate."""
    name = f"{agent_id}.bootstrap" if bootstrap else agent_id
    return {
        "user": f"C=USA, O=Cloud Foundry, CN={name}.agent.bosh-internal",
        "permissions": {
            "publish": [
                *(f"hm.agent.{kind}.{agent_id}" for kind in ("heartbeat", "alert", "shutdown")),
                f"director.*.{agent_id}.*",
            ],
            "subscribe": [f"agent.{agent_id}"],
        },
    }


def standing_users() -> list[dict[str, object]]:
    """The two users that are always there: the director and its monitor."""
    heard = ["hm.agent.heartbeat.*", "hm.agent.alert.*", "hm.agent.shutdown.*", "hm.director.alert"]
    return [
        {"user": DIRECTOR, "permissions": {"publish": ["agent.*", "hm.director.alert"], "subscribe": ["director.>"]}},
        {"user": MONITOR, "permissions": {"publish": [], "subscribe": heard}},
    ]


@dataclass
class Bus:
    """A running nats-server; `users` is the file it includes, `pid_file` names its process for the reload signal."""

    port: int
    users: Path
    pid_file: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def admit(self, users: list[dict[str, object]]) -> None:
        """Replace the users and have the server read them (a director does this itself)."""
        draft = self.users.with_suffix(".new")
        draft.write_text(json.dumps({"authorization": {"users": users}}))
        draft.replace(self.users)
        self.process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)


def start_bus(directory: Path, authority: Authority) -> Bus:
    """Start a server in ``directory`` with certificates of ``authority``; returns when its port is open."""
    program = shutil.which("nats-server")
    assert program, "nats-server is not installed (Debian package nats-server)"
    directory.mkdir(parents=True, exist_ok=True)
    certificate, key = authority.issue("nats", "default.nats.bosh-internal", server=True)
    port, users, log = free_port(), directory / "auth.json", directory / "nats.log"
    users.write_text(json.dumps({"authorization": {"users": standing_users()}}))
    config = directory / "nats.cfg"
    config.write_text(
        f"""listen: "127.0.0.1:{port}"
pid_file: "{directory / "nats.pid"}"
tls {{
  cert_file: "{certificate}"
  key_file: "{key}"
  ca_file: "{authority.certificate}"
  verify_and_map: true
  timeout: 5
}}
ping_interval: "5s"
ping_max: 2
max_payload: 1048576
include "auth.json"
"""
    )
    with log.open("wb") as out:
        process = subprocess.Popen([program, "-c", str(config)], stdout=out, stderr=out, cwd=directory)
    try:
        wait_for_port(port, 60, process, log)
    except AssertionError:
        process.kill()
        process.wait(5)
        raise
    return Bus(port, users, directory / "nats.pid", log, process)
