"""Two directors of ours on loopback with one PostgreSQL, one bus and one dummy cloud between them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from lab.ports import free_port
from tests.contract.store.postgres_server import PostgresServer
from tests.e2e.loopback.api import Api
from tests.e2e.loopback.bus import Bus, start_bus
from tests.e2e.loopback.certificates import Authority
from tests.e2e.loopback.cloud import DummyCloud, own_agent
from tests.e2e.loopback.world import director_yml
from tests.e2e.several.director_process import Director

LEASE = 8.0
"""Seconds; its holder acts for two thirds of it without a renewal, longer than the machine may stand still."""


@dataclass
class Pair:
    """Both directors and what they share."""

    directory: Path
    postgres: PostgresServer
    bus: Bus
    cloud: DummyCloud
    directors: list[Director] = field(default_factory=list[Director])

    def lease_of(self, task: int) -> tuple[str, int]:
        """Who works on a task, and its fence."""
        with self.postgres.connect() as connection:
            row = connection.execute("SELECT owner, fence FROM leases WHERE name = %s", [f"task/{task}"]).fetchone()
        return (str(row[0]), int(row[1])) if row else ("", 0)

    def runner_of(self, task: int) -> tuple[Director, Director]:
        """The director that works on a task, and the other one."""
        owner, _ = self.lease_of(task)
        (runner,) = [one for one in self.directors if owner.startswith(f"{one.home}#")]
        (other,) = [one for one in self.directors if one is not runner]
        return runner, other

    def runs(self, task: int, director: Director) -> bool:
        """Whether this director works on a task."""
        return self.lease_of(task)[0].startswith(f"{director.home}#")

    def stop(self) -> None:
        with ExitStack() as stack:
            for end in (self.postgres.remove, self.bus.stop, self.cloud.close, *(one.stop for one in self.directors)):
                stack.callback(end)


def _director(pair: Pair, name: str, authority: Authority, shared: Path) -> Director:
    directory = pair.directory / name
    directory.mkdir()
    port = free_port()
    words: dict[str, Any] = director_yml(pair.directory, port, pair.bus, pair.cloud, authority)
    known = pair.postgres.parameters
    words["dir"] = str(directory / "state")
    words["db"] = {
        "adapter": "postgres",
        "database": known["dbname"],
        **{key: known[key] for key in ("host", "port", "user")},
    }
    del words["meristem"]["certificates"]
    words["meristem"] |= {"shared": str(shared), "lease_seconds": LEASE}
    config = directory / "director.yml"
    config.write_text(yaml.safe_dump(words, sort_keys=False))
    return Director(name, directory, config, port, Api(f"https://127.0.0.1:{port}", authority.certificate))


def build_pair(directory: Path, programs: Path) -> Pair:
    """Both directors are started at the same moment on an empty database."""
    authority = Authority(directory / "certs")
    bus = start_bus(directory / "nats", authority)
    pair = Pair(directory, PostgresServer.make(programs), bus, DummyCloud.build(directory, bus.url, own_agent()))
    try:
        pair.directors += [_director(pair, name, authority, directory / "shared") for name in ("a", "b")]
        with ThreadPoolExecutor() as pool:
            for started in [pool.submit(one.start) for one in pair.directors]:
                started.result()
    except BaseException:
        pair.stop()
        raise
    return pair
