"""The whole director in process: real planner, templates, engine, steps and secrets over a store in memory, a memory cloud and its agents."""

from __future__ import annotations

import shutil
import tarfile
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.blobs import MemoryBlobs
from director.adapters.memory.clock import VirtualClock
from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.adapters.memory.guest import Guest
from director.adapters.secrets.store_secrets import StoreSecrets
from director.adapters.store.sql import SqlStore
from director.adapters.task_log import StoreTaskLog
from director.adapters.templates.erb import ErbTemplates
from director.engine.journal import stored_plan
from director.engine.ports import Ports
from director.engine.tasks import Runner
from director.model.errors import AgentError
from director.model.plan import Plan
from director.model.rows import (
    ROWS,
    AddressRow,
    ConfigRow,
    DiskRow,
    DurationRow,
    EventRow,
    InstanceRow,
    JournalEntry,
    PlanRow,
    Task,
    VmRow,
)
from director.ports.store import Changes
from director.service.handlers import handlers
from director.service.house import House
from director.service.preview import preview
from director.service.request import DeployRequest, StateChange
from director.steps.step import Site
from tests.e2e.loopback.archives import OPERATING_SYSTEM, Job, Package

WEB_YML = """greeting: <%= p('greeting') %>
password: <%= p('password') %>
address: <%= spec.address %>
db: <%= link('db').instances.map { |one| one.address }.sort.join(',') %>
"""
DB_YML = """port: <%= p('port') %>
"""

PACKAGES = [
    Package("base", "true"),
    Package("web", "true", dependencies=("base",)),
    Package("db", "true", dependencies=("base",)),
]
NEWER_BASE = replace(PACKAGES[0], packaging="true # newer")
JOBS = [
    Job(
        "web",
        {"config/web.yml": WEB_YML, "bin/post-deploy": "#!/bin/sh\n"},
        ("web",),
        spec={
            "properties": {"greeting": {"default": "Hello"}, "password": {"default": "none"}},
            "consumes": [{"name": "db", "type": "db"}],
        },
    ),
    Job(
        "db",
        {"config/db.yml": DB_YML},
        ("db",),
        spec={
            "properties": {"port": {"default": 5432}},
            "provides": [{"name": "db", "type": "db", "properties": ["port"]}],
        },
    ),
    Job("smoke", {"bin/run": "#!/bin/sh\necho <%= p('word') %>\n"}, spec={"properties": {"word": {"default": "fine"}}}),
]


def cloud_config(**compilation: Any) -> dict[str, Any]:
    """Three AZs, a network with a subnet in each, VM and disk types."""
    return {
        "azs": [{"name": f"z{number}", "cloud_properties": {"zone": number}} for number in (1, 2, 3)],
        "vm_types": [
            {"name": "small", "cloud_properties": {"cpu": 1}},
            {"name": "large", "cloud_properties": {"cpu": 4}},
        ],
        "disk_types": [{"name": "small", "disk_size": 64}, {"name": "large", "disk_size": 128}],
        "networks": [
            {
                "name": "default",
                "subnets": [
                    {
                        "range": f"10.0.{number}.0/24",
                        "gateway": f"10.0.{number}.1",
                        "azs": [f"z{number}"],
                        "static": [f"10.0.{number}.200 - 10.0.{number}.210"],
                    }
                    for number in (1, 2, 3)
                ],
            }
        ],
        "compilation": {"workers": 2, "az": "z1", "vm_type": "small", "network": "default", **compilation},
    }


def group(name: str = "web", instances: int = 2, **more: Any) -> dict[str, Any]:
    """A group whose one job has the group's name."""
    return {
        "name": name,
        "instances": instances,
        "azs": ["z1"],
        "vm_type": "small",
        "stemcell": "default",
        "networks": [{"name": "default"}],
        "jobs": [{"name": name, "release": "shop", "properties": more.pop("properties", {})}],
        **more,
    }


def db(**more: Any) -> dict[str, Any]:
    return group(**{"name": "db", "instances": 1, "persistent_disk_type": "small", **more})


def manifest(*groups: dict[str, Any], **more: Any) -> str:
    """Deployment ``d``; a database with a disk and two webs when no groups are given."""
    document = {
        "name": "d",
        "releases": [{"name": "shop", "version": "latest"}],
        "stemcells": [{"alias": "default", "os": OPERATING_SYSTEM, "version": "latest"}],
        "update": {
            "canaries": 1,
            "max_in_flight": 2,
            "canary_watch_time": "1000-8000",
            "update_watch_time": "1000-8000",
        },
        "instance_groups": list(groups or (db(), group())),
        **more,
    }
    return yaml.safe_dump(document, sort_keys=False)


QUESTIONS = {"find", "info", "ping", "get_state", "list_disk"}


@dataclass
class Town:
    """Tasks one after the other; `calls` tells what the last one asked of the cloud and of agents."""

    store: SqlStore
    directory: Path
    templates: ErbTemplates
    uploads: Path
    cloud: MemoryCloud = field(default_factory=MemoryCloud)
    clock: VirtualClock = field(default_factory=VirtualClock)

    def __post_init__(self) -> None:
        self.clouds = MemoryClouds(self.cloud)
        blobs = self.directory / "blobs"
        blobs.mkdir()
        self.blobs = MemoryBlobs(blobs)
        self.agents = MemoryAgents(self.clouds, self.clock, self.blobs.receive)
        secrets = StoreSecrets(self.store, self.directory / "master.key", "memory")
        site = Site(name="memory", uuid="0d", mbus="nats://127.0.0.1:4222", agent_wait_timeout=5)
        self.ports = Ports(self.store, self.clouds, self.agents, self.blobs, secrets, self.clock, site)
        self.house = House(
            store=self.store,
            clouds=self.clouds,
            agents=self.agents,
            blobs=self.blobs,
            secrets=secrets,
            templates=self.templates,
            clock=self.clock,
            site=site,
            spool=self.directory,
        )
        self.calls: dict[str, int] = {}

    async def furnish(self) -> None:
        await self.configure(cloud_config())
        await self.upload("update_stemcell", "stemcell-1.0.tgz")
        await self.upload("update_release", "release-1.tgz")

    async def configure(self, config: dict[str, Any], type: str = "cloud") -> None:
        """A newer version of the default config of a type."""
        number = await self.store.next_id("configs")
        row = ConfigRow(id=number, type=type, name="default", content=yaml.safe_dump(config), created_at=number)
        await self.store.commit(Changes(put=[row]))

    async def upload(self, type: str, name: str) -> None:
        copy = self.directory / name
        shutil.copyfile(self.uploads / name, copy)
        await self.do(type, {"path": str(copy)})

    async def attempt(self, type: str, request: dict[str, Any], deployment: str | None = None) -> Task:
        """One task to whatever end."""
        before = self._counts()
        runner = Runner(
            self.ports,
            handlers(self.house),
            lambda number: StoreTaskLog(self.store, number, self.clock, delay=0),
            owner="town#1",
        )
        await runner.start()
        created = await runner.create(type, type, request=request, deployment=deployment)
        task = await runner.wait(created.id)
        await runner.stop()
        await self.agents.close()
        self.calls = dict(sorted((self._counts() - before).items()))
        return task

    async def do(self, type: str, request: dict[str, Any], deployment: str | None = None) -> Task:
        """One task to its good end."""
        task = await self.attempt(type, request, deployment)
        output, _ = await self.store.read_output(task.id, "debug")
        assert task.state == "done", f"{task.result}\n{output.decode()}"
        return task

    async def deploy(self, text: str, **options: Any) -> Plan:
        """The plan that was carried out."""
        task = await self.do("update_deployment", {"deployment": "d", "manifest": text, **options}, "d")
        plan = await stored_plan(self.store, task.id)
        assert plan is not None
        return plan

    async def fail(self, text: str, **options: Any) -> str:
        """A deploy that ends in an error: what is told."""
        task = await self.attempt("update_deployment", {"deployment": "d", "manifest": text, **options}, "d")
        assert task.state == "error", task
        return str(task.result)

    async def change(self, text: str, state: str, group: str = "*", instance: str = "", **options: Any) -> Plan:
        """start, stop, restart, recreate."""
        return await self.deploy(text, change={"group": group, "state": state, "instance": instance}, **options)

    async def preview(self, text: str, *, redact: bool = False, **options: Any) -> dict[str, Any]:
        """POST /plan."""
        if "change" in options:
            options["change"] = StateChange(**options["change"])
        return await preview(self.house, DeployRequest("d", text, **options), redact=redact)

    def _counts(self) -> Counter[str]:
        counts = {f"cloud {name}": count for name, count in self.cloud.script.calls.items()}
        counts |= {f"agent {name}": count for name, count in self.agents.script.calls.items()}
        return Counter(counts)

    @property
    def deeds(self) -> dict[str, int]:
        """The calls of the last task that change something."""
        return {name: count for name, count in self.calls.items() if name.split()[1] not in QUESTIONS}

    async def rows(self, group: str = "") -> list[InstanceRow]:
        where = {"group": group} if group else {}
        rows = await self.store.find(InstanceRow, deployment="d", **where)
        return sorted(rows, key=lambda row: (row.group, row.index))

    async def guest(self, group: str, index: int = 0) -> Guest:
        """The agent of an instance."""
        row = next(row for row in await self.rows(group) if row.index == index)
        guest = self.agents.guest(row.agent_id)
        assert guest is not None
        return guest

    async def rendered(self, group: str, index: int = 0) -> str:
        """The files that the agent was told to install, as one text."""
        guest = await self.guest(group, index)
        path = await self.blobs.path(guest.spec["rendered_templates_archive"]["blobstore_id"])
        with tarfile.open(path) as archive:
            files = [archive.extractfile(member) for member in archive.getmembers()]
            return "\n".join(file.read().decode() for file in files if file is not None)

    async def check(self) -> None:
        """Cloud and store agree, nothing is over, nothing was made twice."""
        inventory = self.cloud.inventory
        assert set(inventory.made.values()) <= {1}, "something was made twice under one key"
        vms, disks = await self.store.find(VmRow), await self.store.find(DiskRow)
        assert {row.cid for row in vms} == set(inventory.vms)
        assert {row.cid for row in disks} == set(inventory.disks)
        attached = {cid: vm.cid for vm in inventory.vms.values() for cid in vm.disks}
        assert {row.cid: row.attached_to for row in disks if row.attached_to} == attached
        rows = await self.rows()
        assert {row.agent_id for row in rows if row.agent_id} == {row.agent_id for row in vms}
        held = {row.address: row.owner for row in await self.store.find(AddressRow)}
        used = {net["ip"]: vm.instance_id for vm in vms for net in vm.networks.values()}
        assert used.items() <= held.items()
        assert set(held.values()) <= {row.id for row in rows}
        assert not [row.name for row in rows if row.dirty]

    async def picture(self) -> dict[str, list[Any]]:
        """All rows but those that tell of tasks."""
        told = (Task, PlanRow, JournalEntry, EventRow, DurationRow)
        return {kind.TABLE: list(await self.store.find(kind)) for kind in ROWS if kind not in told}

    def break_agent(self, method: str, nth: int = 1) -> None:
        """The nth call of this action from now fails."""
        self.agents.script.fail(method, AgentError(f"{method} failed", agent_id="", method=method), nth=nth)
