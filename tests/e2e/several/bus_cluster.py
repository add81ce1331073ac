"""A bus of three: nats-server processes with TLS between them, each with a users file of its own and the sync process that keeps it."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.ports import free_port
from tests.e2e.loopback.bus import wait_for_port
from tests.e2e.loopback.certificates import Authority
from tests.e2e.loopback.cloud import REPOSITORY

CONFIG = """server_name: "{name}"
listen: "127.0.0.1:{port}"
pid_file: "{directory}/nats.pid"
tls {{
  cert_file: "{certificate}"
  key_file: "{key}"
  ca_file: "{ca}"
  verify_and_map: true
  timeout: 5
}}
cluster {{
  name: "bus"
  listen: "127.0.0.1:{cluster_port}"
  tls {{
    cert_file: "{certificate}"
    key_file: "{key}"
    ca_file: "{ca}"
    verify: true
    timeout: 5
  }}
  routes: [{routes}]
}}
ping_interval: "5s"
ping_max: 2
max_payload: 1048576
include "auth.json"
"""


def end(process: subprocess.Popen[bytes] | None) -> None:
    if process is None or process.poll() is not None:
        return
    process.send_signal(signal.SIGCONT)
    process.terminate()
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(5)


@dataclass
class Node:
    """One server and its sync process."""

    name: str
    directory: Path
    port: int
    cluster_port: int
    process: subprocess.Popen[bytes] | None = None
    sync: subprocess.Popen[bytes] | None = None

    @property
    def users(self) -> Path:
        return self.directory / "auth.json"

    @property
    def log(self) -> Path:
        return self.directory / "nats.log"

    def start(self) -> None:
        """Returns when its port is open."""
        program = shutil.which("nats-server")
        assert program, "nats-server is not installed (Debian package nats-server)"
        with self.log.open("ab") as out:
            words = [program, "-c", str(self.directory / "nats.cfg")]
            self.process = subprocess.Popen(words, stdout=out, stderr=out, cwd=self.directory)
        wait_for_port(self.port, 60, self.process, self.log)

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.wait(10)

    def start_sync(self, db: dict[str, Any]) -> None:
        words = {
            "name": self.name,
            "db": db,
            "users_file": str(self.users),
            "pid_file": str(self.directory / "nats.pid"),
        }
        config = self.directory / "bus-sync.yml"
        config.write_text(yaml.safe_dump(words))
        with (self.directory / "bus-sync.log").open("ab") as out:
            self.sync = subprocess.Popen(
                [sys.executable, "-m", "director.bus_sync", "--config", str(config)],
                stdout=out,
                stderr=out,
                cwd=REPOSITORY,
            )


@dataclass
class Cluster:
    """``url`` is what goes into mbus: all servers, with commas between."""

    nodes: list[Node] = field(default_factory=list[Node])

    @property
    def url(self) -> str:
        return ",".join(f"nats://127.0.0.1:{node.port}" for node in self.nodes)

    def start(self) -> None:
        for node in self.nodes:
            if node.process is None or node.process.poll() is not None:
                node.start()

    def kill(self) -> None:
        for node in self.nodes:
            node.kill()

    def stop(self) -> None:
        for node in self.nodes:
            end(node.sync)
            end(node.process)


def build_cluster(directory: Path, authority: Authority, db: dict[str, Any], size: int = 3) -> Cluster:
    """Started, with the sync processes; nobody but director and monitor is let in yet."""
    certificate, key = authority.issue("nats", "default.nats.bosh-internal", server=True)
    cluster = Cluster(
        [Node(f"bus-{number}", directory / f"bus-{number}", free_port(), free_port()) for number in range(size)]
    )
    routes = ", ".join(f'"nats://127.0.0.1:{node.cluster_port}"' for node in cluster.nodes)
    try:
        for node in cluster.nodes:
            node.directory.mkdir(parents=True)
            (node.directory / "nats.cfg").write_text(
                CONFIG.format(
                    name=node.name,
                    port=node.port,
                    cluster_port=node.cluster_port,
                    directory=node.directory,
                    certificate=certificate,
                    key=key,
                    ca=authority.certificate,
                    routes=routes,
                )
            )
            node.start_sync(db)
        for node in cluster.nodes:
            wait_for_file(node)
            node.start()
    except BaseException:
        cluster.stop()
        raise
    return cluster


def wait_for_file(node: Node) -> None:
    """The server's configuration includes the users file: its sync process writes the first one."""
    deadline = time.monotonic() + 90
    while not node.users.exists():
        assert node.sync is not None
        said = (node.directory / "bus-sync.log").read_text()
        assert node.sync.poll() is None and time.monotonic() < deadline, said
        time.sleep(0.05)
