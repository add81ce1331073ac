"""One step at a time in a small world: a store, a memory cloud, the agents in its VMs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.blobs import MemoryBlobs
from director.adapters.memory.clock import VirtualClock
from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.adapters.memory.guest import Guest
from director.adapters.secrets.store_secrets import StoreSecrets
from director.adapters.store.sql import SqlStore
from director.adapters.task_log import StoreTaskLog
from director.model.actions import Action
from director.model.instance import InstanceSpec, JobSpec, PackageSpec, VmSpec
from director.model.rows import InstanceRow, JournalEntry, VmRow
from director.ports.store import Changes
from director.steps.registry import load
from director.steps.step import Adopt, Intent, Io, Outcome, Recovery, Site


@dataclass(frozen=True)
class WatchedIo(Io):
    """Keeps the status lines."""

    told: list[str] = field(default_factory=list)

    def status(self, text: str) -> None:
        self.told.append(text)


@dataclass
class Bench:
    store: SqlStore
    directory: Path
    cloud: MemoryCloud = field(default_factory=MemoryCloud)
    clock: VirtualClock = field(default_factory=VirtualClock)
    site: Site = field(
        default_factory=lambda: Site(name="My_Director", uuid="0d", mbus="nats://h:4222", agent_wait_timeout=30)
    )

    def __post_init__(self) -> None:
        self.blobs = MemoryBlobs(self.directory)
        self.clouds = MemoryClouds(self.cloud)
        self.agents = MemoryAgents(self.clouds, self.clock, self.blobs.receive)
        self.log = StoreTaskLog(self.store, 1, self.clock, delay=0)
        self.secrets = StoreSecrets(self.store, self.directory / "master.key", self.site.name)
        self.told: list[str] = []

    def io(self, key: str = "t1/step") -> WatchedIo:
        ports: dict[str, Any] = {
            "store": self.store,
            "clouds": self.clouds,
            "agents": self.agents,
            "blobs": self.blobs,
            "secrets": self.secrets,
            "clock": self.clock,
            "log": self.log,
            "site": self.site,
        }
        return WatchedIo(**ports, fence=7, call_key=key, told=self.told)

    def vary(self, **site: Any) -> None:
        self.site = replace(self.site, **site)

    async def intend(self, action: Action, key: str = "") -> Intent:
        step = load(action.step("s", "t"))
        intent = await step.intend(self.io(key or f"t1/{action.KIND}"))
        await self.store.commit(intent.changes)
        return intent

    async def do(self, action: Action, key: str = "") -> Outcome:
        """Intent, effect and result, as the engine commits them."""
        intent = await self.intend(action, key)
        outcome = await load(action.step("s", "t")).run(self.io(key or f"t1/{action.KIND}"), intent)
        await self.store.commit(outcome.changes)
        return outcome

    async def recover(self, action: Action, intent: Intent | None = None, key: str = "") -> Recovery:
        entry = JournalEntry(
            task_id=1,
            step_id="s",
            attempt=1,
            state="intent",
            kind=action.KIND,
            object_key=intent.object_key if intent else "",
            data=intent.data if intent else {},
        )
        recovery = await load(action.step("s", "t")).recover(self.io(key or f"t1/{action.KIND}"), entry)
        if isinstance(recovery, Adopt):
            await self.store.commit(recovery.outcome.changes)
        return recovery

    async def output(self, kind: str) -> str:
        await self.log.flush()
        return (await self.store.read_output(1, kind))[0].decode()

    def guest(self, agent_id: str = "a1") -> Guest:
        guest = self.agents.guest(agent_id)
        assert guest is not None
        return guest

    async def boot(self, agent_id: str = "a1", instance_id: str = "i1", *, stemcell_api: int = 3) -> VmRow:
        """An instance with a VM whose agent speaks, without the steps under test."""
        created = await self.cloud.create_vm(
            agent_id, "stemcell-0", {}, NETWORKS, [], {}, key=f"key-{agent_id}", stemcell_api=stemcell_api
        )
        await self.agents.admit([agent_id])
        vm = VmRow(
            agent_id=agent_id,
            object_key=f"key-{agent_id}",
            deployment="web",
            instance_id=instance_id,
            cid=created.cid,
            stemcell=("s", "1"),
            stemcell_api=stemcell_api,
            networks=NETWORKS,
        )
        instance = InstanceRow(id=instance_id, deployment="web", group="web", index=0, agent_id=agent_id)
        await self.store.commit(Changes(put=[vm, instance]))
        return vm


NETWORKS = {"default": {"type": "manual", "ip": "10.0.0.10", "netmask": "255.255.255.0", "gateway": "10.0.0.1"}}


def vm_spec(**changes: Any) -> VmSpec:
    given: dict[str, Any] = {
        "cpi": "",
        "stemcell_name": "s",
        "stemcell_version": "1",
        "stemcell_os": "debian-12",
        "cloud_properties": {"flavor": "small"},
        "networks": NETWORKS,
        **changes,
    }
    return VmSpec(**given)


def instance_spec(**changes: Any) -> InstanceSpec:
    given: dict[str, Any] = {
        "deployment": "web",
        "group": "web",
        "id": "i1",
        "index": 0,
        "az": "z1",
        "bootstrap": True,
        "vm": vm_spec(),
        "jobs": (JobSpec(name="web", release="r", release_version="1", fingerprint="f-job", inputs="x"),),
        "packages": (PackageSpec("nginx", "f-nginx", "[]"),),
        "configuration_hash": "hash",
        "templates_blob": "templates",
        "templates_digest": "sha256:0",
        "template_hashes": {"web": "h"},
        **changes,
    }
    return InstanceSpec(**given)
