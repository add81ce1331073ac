"""A director on loopback whose cloud is the simulated one, with simulated agents on a real bus."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from cpi import lock
from cpi.sim.inventory import Inventory, Item
from cpi.sim.launch import LOCK
from lab.ports import free_port
from tests.e2e.loopback.api import Api
from tests.e2e.loopback.archives import OPERATING_SYSTEM, Job, build_release, build_stemcell
from tests.e2e.loopback.bus import Bus, start_bus
from tests.e2e.loopback.certificates import Authority
from tests.e2e.loopback.cloud import DummyCloud
from tests.e2e.loopback.shop import build_shop, cloud_config
from tests.e2e.loopback.world import PASSWORD, USER, director_yml, launch


def stop_agents(state_dir: Path) -> None:
    """End the agents' process of a simulated cloud, if there is one."""
    held = state_dir / LOCK
    if not lock.is_free(held):
        os.kill(int(held.read_text()), signal.SIGTERM)
    deadline = time.monotonic() + 30
    while not lock.is_free(held):
        assert time.monotonic() < deadline, (state_dir / "agents.log").read_text()
        time.sleep(0.02)


@dataclass
class SimWorld:
    """The CPI is chosen by the CPI config, so that each test may have its own clouds in the same director."""

    directory: Path
    bus: Bus
    api: Api
    process: Any

    @property
    def log(self) -> Path:
        return self.directory / "director.log"

    def cloud(self, name: str, **properties: Any) -> SimCloud:
        """Make this the director's cloud, and stock it."""
        state = self.directory / name
        given = {"state_dir": str(state), "seed": 7, "agents": {"heartbeat": 1, "linger": 2}, **properties}
        self.api.update_config("cpi", {"cpis": [{"name": name, "type": "sim", "properties": given}]})
        self.api.upload_stemcell(self.directory / "stemcell.tgz")
        config = cloud_config()
        config["azs"] = [{"name": "z1", "cpi": name}]
        config["compilation"]["workers"] = 2
        self.api.update_config("cloud", config)
        return SimCloud(state, Inventory(state))

    def stop(self) -> None:
        self.api.close()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        for held in self.directory.glob(f"*/{LOCK}"):
            stop_agents(held.parent)
        self.bus.stop()


@dataclass
class SimCloud:
    """One simulated cloud, seen from a test."""

    state: Path
    inventory: Inventory

    def all(self, kind: str) -> list[Item]:
        with self.inventory.transaction() as books:
            return books.all(kind)

    def counters(self, prefix: str) -> Counter[str]:
        with self.inventory.transaction() as books:
            return Counter(books.counters(prefix))


def build_sim_world(directory: Path, agent_wait: float = 30, **meristem: Any) -> SimWorld:
    """Certificates, bus and director; stemcell and release are built, the release is uploaded."""
    authority = Authority(directory / "certs")
    bus = start_bus(directory / "nats", authority)
    port = free_port()
    for name in ("blobs", "director", "audit"):
        (directory / name).mkdir()
    nobody = DummyCloud(directory / "none", Path("/bin/false"))
    document = director_yml(directory, port, bus, nobody, authority)
    document["cloud"] = {}
    document["agent"] = {"agent_wait_timeout": agent_wait}
    document["meristem"]["cpi"] = {"type": "sim", "properties": {"state_dir": str(directory / "default")}}
    document["meristem"] |= meristem
    # one key per VM is enough here: making keys is what takes longest
    document["enable_short_lived_nats_bootstrap_credentials"] = False
    config = directory / "director.yml"
    config.write_text(yaml.safe_dump(document, sort_keys=False))
    try:
        process = launch(config, directory / "director.log", port)
    except BaseException:
        bus.stop()
        raise
    world = SimWorld(directory, bus, Api(f"https://127.0.0.1:{port}", authority.certificate, USER, PASSWORD), process)
    build_stemcell(directory / "stemcell.tgz", api_version=3, formats=("sim",))
    world.api.upload_release(build_shop(directory / "shop.tgz"))
    world.api.upload_release(build_release(directory / "bare.tgz", "bare", "1.0", [Job("idle")], []))
    return world


def fleet(name: str, **groups: int) -> dict[str, Any]:
    """Groups of idle instances; everybody at once, without canaries."""
    common = {"azs": ["z1"], "vm_type": "small", "stemcell": "default", "networks": [{"name": "a"}]}
    watch = {"canary_watch_time": "1-20000", "update_watch_time": "1-20000"}
    return {
        "name": name,
        "releases": [{"name": "shop", "version": "latest"}, {"name": "bare", "version": "latest"}],
        "stemcells": [{"alias": "default", "os": OPERATING_SYSTEM, "version": "latest"}],
        "update": {"canaries": 0, "max_in_flight": 20, **watch},
        "instance_groups": [
            {"name": group, "instances": number, "jobs": [{"name": "idle", "release": "bare"}], **common}
            for group, number in groups.items()
        ],
    }
