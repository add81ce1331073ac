"""Three directors, a bus of three servers, one PostgreSQL, and a simulated cloud whose agents are on that bus."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from cpi import lock
from cpi.sim.inventory import Inventory
from cpi.sim.launch import LOCK
from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.e2e.loopback.api import Api
from tests.e2e.loopback.archives import build_stemcell
from tests.e2e.loopback.bus import Bus
from tests.e2e.loopback.certificates import Authority
from tests.e2e.loopback.cloud import DummyCloud
from tests.e2e.loopback.shop import build_shop, cloud_config
from tests.e2e.loopback.world import director_yml
from tests.e2e.several.bus_cluster import Cluster, build_cluster
from tests.e2e.several.director_process import Director
from tests.e2e.several.records import Records

LEASE = 6.0
NAMES = ("a", "b", "c")
SIM: dict[str, Any] = {
    "stemcell_formats": ["dummy-raw"],
    "record": True,
    "latency": {"default": 100, "create_vm": 900, "delete_vm": 500, "find": 50},
    "agents": {
        "boot": 400,
        "latency": {"default": 80, "apply": 300, "ping": 0, "get_state": 10},
        "heartbeat": 10,
        "linger": 20,
    },
}


def until(what: str, done: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, f"{what}: not within {seconds:g} s"
        time.sleep(0.02)


@dataclass
class Trio:
    """All of it."""

    directory: Path
    postgres: PostgresServer
    cluster: Cluster
    records: Records
    lease: float
    directors: list[Director] = field(default_factory=list[Director])

    @property
    def state(self) -> Path:
        return self.directory / "cloud"

    def lease_of(self, task: int) -> tuple[str, int]:
        """Who works on a task, and its fence; nobody when its lease has run out."""
        sql = "SELECT owner, fence FROM leases WHERE name = %s"
        with self.postgres.connect() as connection:
            row = connection.execute(sql, [f"task/{task}"]).fetchone()
        return (str(row[0]), int(row[1])) if row else ("", 0)

    def runner_of(self, task: int) -> Director | None:
        return self.named(self.lease_of(task)[0])

    def named(self, owner: str) -> Director | None:
        """The director that a lease's owner stands for."""
        return next((one for one in self.directors if owner.startswith(f"{one.home}#")), None)

    def furnish(self) -> None:
        """A stemcell, a release and the cloud config, each by another director."""
        a, b, c = self.directors
        a.api.upload_stemcell(build_stemcell(self.directory / "stemcell.tgz", api_version=3))
        b.api.upload_release(build_shop(self.directory / "shop.tgz"))
        c.api.update_config("cloud", cloud_config())

    def stop(self) -> None:
        with contextlib.ExitStack() as stack:
            for end in (
                self._end_agents,
                self.postgres.remove,
                self.cluster.stop,
                *(one.stop for one in self.directors),
            ):
                stack.callback(end)

    def _end_agents(self) -> None:
        held = self.state / LOCK
        with contextlib.suppress(OSError, ValueError):
            if not lock.is_free(held):
                os.kill(int(held.read_text()), signal.SIGTERM)


def _director(trio: Trio, name: str, authority: Authority, db: dict[str, Any]) -> Director:
    directory = trio.directory / name
    directory.mkdir()
    port = free_port()
    nothing = DummyCloud(directory, Path("/bin/false"))
    words = director_yml(trio.directory, port, _none(trio.directory), nothing, authority)
    words |= {"dir": str(directory / "state"), "mbus": trio.cluster.url}
    words["db"] = {**db, "connection_options": {"application_name": name}}
    del words["meristem"]["certificates"], words["cloud"], words["agent"]["env"]
    words["meristem"] |= {
        "shared": str(trio.directory / "shared"),
        "lease_seconds": trio.lease,
        "nats": {"sync": True},
        "cpi": {"type": "sim", "properties": {**SIM, "state_dir": str(trio.state), "mbus": trio.cluster.url}},
    }
    config = directory / "director.yml"
    config.write_text(yaml.safe_dump(words, sort_keys=False))
    return Director(name, directory, config, port, Api(f"https://127.0.0.1:{port}", authority.certificate))


def _none(directory: Path) -> Bus:
    """What the configuration is to say of a bus is put in afterwards."""
    return Bus(0, directory, directory, directory, None)  # type: ignore[arg-type]


def build_trio(directory: Path, programs: Path, lease: float = LEASE) -> Trio:
    """The three are started at the same moment on an empty database."""
    authority = Authority(directory / "certs")
    postgres = PostgresServer.make(programs)
    known = postgres.parameters
    db = {"adapter": "postgres", "database": known["dbname"], **{key: known[key] for key in ("host", "port", "user")}}
    cluster = Cluster()
    trio = Trio(directory, postgres, cluster, Records(postgres, Inventory(directory / "cloud")), lease)
    try:
        trio.cluster = build_cluster(directory / "bus", authority, db)
        trio.directors += [_director(trio, name, authority, db) for name in NAMES]
        with ThreadPoolExecutor() as pool:
            for started in [pool.submit(one.start) for one in trio.directors]:
                started.result()
        trio.records.begin()
        trio.furnish()
    except BaseException:
        trio.stop()
        raise
    return trio
