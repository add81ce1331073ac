"""A director of ours on loopback, started from the smallest public `director.yml`, with its bus and the dummy cloud."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.ports import free_port
from tests.e2e.loopback.api import Api
from tests.e2e.loopback.bus import Bus, start_bus, wait_for_port
from tests.e2e.loopback.certificates import Authority
from tests.e2e.loopback.cloud import REPOSITORY, DummyCloud

USER, PASSWORD = "admin", "admin-password"


@dataclass
class World:
    """Everything a test needs: the director's address and CA, the cloud behind it, its processes and its files."""

    directory: Path
    authority: Authority
    bus: Bus
    cloud: DummyCloud
    config: Path
    port: int
    process: subprocess.Popen[bytes]
    apis: list[Api] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def ca(self) -> Path:
        return self.authority.certificate

    @property
    def log(self) -> Path:
        return self.directory / "director.log"

    def api(self, user: str = USER, password: str = PASSWORD) -> Api:
        """A client; closed with the world."""
        self.apis.append(Api(self.url, self.ca, user, password))
        return self.apis[-1]

    def kill_director(self) -> None:
        """SIGKILL, as a power cut would."""
        self.process.kill()
        self.process.wait(10)

    def start_director(self) -> None:
        self.process = launch(self.config, self.log, self.port)

    def stop(self) -> None:
        for api in self.apis:
            api.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(5)
        self.cloud.close()
        self.bus.stop()


def director_yml(
    directory: Path, port: int, bus: Bus, cloud: DummyCloud, authority: Authority, **more: Any
) -> dict[str, Any]:
    """The public form with nothing but what a start needs, local blobs that agents read in place, and ``more`` on top.

    The own section says what the public form cannot: TLS for ``port`` (else a web server in front has it), and who keeps the bus' users.
    """
    certificate, key = authority.issue("director", "default.director.bosh-internal")
    monitor_certificate, monitor_key = authority.issue("hm", "default.hm.bosh-internal")
    api_certificate, api_key = authority.issue("api", "director.loopback", server=True)
    blobs = directory / "blobs"
    blobstore = {"provider": "local", "options": {"blobstore_path": str(blobs)}}
    return {
        "name": "loopback",
        "version": "0.0.0",
        "port": free_port(),
        "dir": str(directory / "director"),
        "audit_log_path": str(directory / "audit"),
        "logging": {"level": "DEBUG"},
        "mbus": bus.url,
        "nats": {
            "server_ca_path": str(authority.certificate),
            "client_ca_certificate_path": str(authority.certificate),
            "client_ca_private_key_path": str(authority.key),
            "client_certificate_path": str(certificate),
            "client_private_key_path": str(key),
            "monitor_certificate_path": str(monitor_certificate),
            "monitor_private_key_path": str(monitor_key),
        },
        "db": {"adapter": "sqlite", "database": str(directory / "director.db")},
        "blobstore": blobstore,
        "verify_multidigest_path": "/bin/true",
        "cpi": {"max_supported_api_version": 2, "preferred_api_version": 2},
        "cloud": {"provider": {"name": "dummy", "path": str(cloud.executable)}},
        "user_management": {"provider": "local", "local": {"users": [{"name": USER, "password": PASSWORD}]}},
        "agent": {"env": {"bosh": {"blobstores": [blobstore]}}, "agent_wait_timeout": 60},
        "meristem": {
            "api": {
                "address": "127.0.0.1",
                "port": port,
                "certificate": str(api_certificate),
                "private_key": str(api_key),
            },
            "blobs": {"address": "127.0.0.1", "port": free_port()},
            "certificates": str(directory / "blob-certs"),
            "nats": {"managed": False, "users_file": str(bus.users), "pid_file": str(bus.pid_file)},
        },
        **more,
    }


def launch(config: Path, log: Path, port: int) -> subprocess.Popen[bytes]:
    """Start the director's program and wait until it answers on ``port``."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("BOSH_", "MERISTEM_"))}
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", "director.main", "--config", str(config)],
            stdout=out,
            stderr=out,
            cwd=REPOSITORY,
            env=environment,
        )
    try:
        wait_for_port(port, 90, process, log)
    except AssertionError:
        process.kill()
        process.wait(5)
        raise
    return process


def build_world(directory: Path, agent_words: list[str], **more: Any) -> World:
    """Certificates, bus, cloud and director below ``directory``; the VMs of its cloud run ``agent_words``."""
    authority = Authority(directory / "certs")
    bus = start_bus(directory / "nats", authority)
    cloud = DummyCloud.build(directory, bus.url, agent_words)
    port = free_port()
    config = directory / "director.yml"
    for name in ("blobs", "director", "audit"):
        (directory / name).mkdir()
    config.write_text(yaml.safe_dump(director_yml(directory, port, bus, cloud, authority, **more), sort_keys=False))
    try:
        process = launch(config, directory / "director.log", port)
    except BaseException:
        cloud.close()
        bus.stop()
        raise
    return World(directory, authority, bus, cloud, config, port, process)
