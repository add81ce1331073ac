"""A whole director in one process, with a deployment that runs, and a picture of everything that bad input must not change."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import msgspec

from director.adapters.clock import SystemClock
from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.blobs import MemoryBlobs
from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.adapters.secrets import StoreSecrets
from director.adapters.store.sql import SqlStore, open_store
from director.adapters.task_log import StoreTaskLog
from director.adapters.templates import ErbTemplates
from director.api.app import create_app
from director.api.desk import Desk, User
from director.engine.ports import Ports
from director.engine.tasks import OPEN, Runner
from director.model.rows import ROWS, DurationRow, EventRow, JournalEntry, PlanRow, PossibleOrphanRow, Task
from director.ports.cloud import Clouds
from director.service.handlers import handlers
from director.service.house import House
from director.steps.step import Site

CLOUD_CONFIG = """\
azs:
- name: z1
vm_types:
- name: small
  cloud_properties: {cpus: 1}
disk_types:
- name: small
  disk_size: 100
networks:
- name: default
  type: manual
  subnets:
  - range: 10.0.0.0/24
    gateway: 10.0.0.1
    static: [10.0.0.10 - 10.0.0.20]
    reserved: [10.0.0.2 - 10.0.0.5]
    azs: [z1]
compilation:
  workers: 1
  network: default
  az: z1
  vm_type: small
"""

MANIFEST = """\
name: shop
releases:
- name: shop
  version: latest
stemcells:
- alias: default
  os: debian-12
  version: latest
update:
  canaries: 1
  max_in_flight: 1
  canary_watch_time: 0-100
  update_watch_time: 0-100
instance_groups:
- name: web
  instances: 1
  azs: [z1]
  vm_type: small
  stemcell: default
  networks:
  - name: default
    static_ips: [10.0.0.10]
  jobs:
  - name: web
    release: shop
    properties:
      port: 80
"""

JOB = """\
name: web
templates:
  ctl.erb: bin/ctl
packages: []
properties:
  port: {description: A port, default: 1}
  secret: {description: Not set}
"""


def tgz(members: Mapping[str, bytes | str]) -> bytes:
    """A gzipped tar; the same members give the same bytes."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, content in members.items():
            data = content.encode() if isinstance(content, str) else content
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return gzip.compress(raw.getvalue(), mtime=0)


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def job_archive(template: str = "<%= p('port') %>", spec: str = JOB, monit: str = "") -> bytes:
    return tgz({"job.MF": spec, "monit": monit, "templates/ctl.erb": template})


def release(job: bytes | None = None, *, version: str = "1", **replaced: Any) -> bytes:
    """The release ``shop``; ``replaced`` are keys of release.MF."""
    archive = job if job is not None else job_archive()
    manifest = {
        "name": "shop",
        "version": version,
        "commit_hash": "abc",
        "uncommitted_changes": False,
        "jobs": [{"name": "web", "version": sha1(archive), "fingerprint": sha1(archive), "sha1": sha1(archive)}],
        "packages": [],
        **replaced,
    }
    return tgz({"release.MF": json.dumps(manifest), "jobs/web.tgz": archive})


def stemcell(image: bytes = b"image", **replaced: Any) -> bytes:
    """A stemcell for the memory cloud; ``replaced`` are keys of stemcell.MF."""
    manifest = {
        "name": "memory-debian-12",
        "version": "1.0",
        "operating_system": "debian-12",
        "sha1": sha1(image),
        "api_version": 3,
        "stemcell_formats": ["memory"],
        "cloud_properties": {},
        **replaced,
    }
    kept = {key: value for key, value in manifest.items() if value is not None}
    return tgz({"stemcell.MF": json.dumps(kept), "image": image})


@dataclass
class BadInput:
    """Sends things, waits for tasks, and takes pictures."""

    http: httpx2.AsyncClient
    store: SqlStore
    cloud: MemoryCloud
    agents: MemoryAgents
    blobs: Path
    spool: Path

    async def task(self, reply: httpx2.Response) -> Task:
        """The ended task that a reply leads to."""
        assert reply.status_code == 302, reply.text
        key = f"{int(reply.headers['location'].rpartition('/')[2]):012d}"
        for _ in range(6000):
            row = await self.store.get(Task, key)
            assert row is not None
            if row.state not in OPEN:
                return row
            await asyncio.sleep(0.01)
        raise AssertionError("the task does not end")

    async def send(
        self, method: str, path: str, body: bytes | str = b"", kind: str = "text/yaml", **query: str
    ) -> httpx2.Response:
        return await self.http.request(method, path, content=body, headers={"content-type": kind}, params=query)

    async def deploy(self, manifest: str, **query: str) -> str:
        """The error of a deploy that must fail, at once or as a task."""
        reply = await self.send("POST", "/deployments", manifest, **query)
        if reply.status_code != 302:
            return error_of(reply)
        return failure(await self.task(reply))

    async def upload(self, path: str, body: bytes, **query: str) -> str:
        """The error of an upload that must fail."""
        reply = await self.send("POST", path, body, "application/x-compressed", **query)
        if reply.status_code != 302:
            return error_of(reply)
        return failure(await self.task(reply))

    async def picture(self) -> str:
        """Every row but tasks, their plans, journals, durations, audit events and what an odd answer may have made; the cloud; the VMs; what lies on disk."""
        rows = {
            kind.TABLE: [msgspec.to_builtins(row) for row in await self.store.find(kind)]
            for kind in ROWS
            if kind not in (Task, PlanRow, JournalEntry, EventRow, DurationRow, PossibleOrphanRow)
        }
        # a stemcell that no cloud took is listed nowhere; its row only reserves the key
        rows["stemcells"] = [row for row in rows["stemcells"] if row["cid"]]
        cloud = msgspec.to_builtins(
            {
                "vms": sorted(self.cloud.inventory.vms),
                "disks": sorted(self.cloud.inventory.disks),
                "stemcells": sorted(self.cloud.inventory.stemcells),
            }
        )
        changing = {
            name: n for name, n in self.agents.script.calls.items() if name not in ("get_state", "ping", "info")
        }
        files = sorted(path.name for place in (self.blobs, self.spool) for path in place.rglob("*") if path.is_file())
        return json.dumps([rows, cloud, changing, files], sort_keys=True, default=str)


def error_of(reply: httpx2.Response) -> str:
    """The one clear sentence of a refused request; anything else than 4xx fails the test."""
    assert 400 <= reply.status_code < 500, f"{reply.status_code} {reply.text}"
    assert "Traceback" not in reply.text
    if reply.headers.get("content-type", "").startswith("application/json"):
        body = reply.json()
        return str(body.get("description") or body.get("error"))
    return reply.text


def failure(task: Task) -> str:
    """The sentence of a failed task."""
    assert task.state == "error", f"{task.state}: {task.result}"
    assert task.result is not None
    assert "Traceback" not in task.result
    return task.result


async def open_desk(directory: Path, stack: AsyncExitStack, clouds: Clouds | None = None) -> BadInput:
    """A director with nothing in it yet."""
    store = await open_store(directory / "director.db")
    stack.push_async_callback(store.close)
    clock = SystemClock()
    memory = MemoryClouds(MemoryCloud())
    (directory / "blobs").mkdir()
    blobs = MemoryBlobs(directory / "blobs")
    agents = MemoryAgents(memory, clock)
    templates = ErbTemplates()
    stack.push_async_callback(templates.close)
    secrets = StoreSecrets(store, directory / "key", "test")
    site = Site(name="test", uuid="u-1", mbus="nats://127.0.0.1:4222", agent_wait_timeout=5)
    spool = directory / "spool"
    spool.mkdir()
    used: Clouds = clouds or memory
    house = House(
        store=store,
        clouds=used,
        agents=agents,
        blobs=blobs,
        secrets=secrets,
        templates=templates,
        clock=clock,
        site=site,
        spool=spool,
    )
    runner = Runner(
        Ports(store, used, agents, blobs, secrets, clock, site),
        handlers(house),
        lambda task: StoreTaskLog(store, task, clock),
        owner="life-1",
    )
    await runner.start()
    stack.push_async_callback(runner.stop)
    app = create_app(Desk(house, runner, (User("admin", "secret"),)))
    words = base64.b64encode(b"admin:secret").decode()
    http = httpx2.AsyncClient(
        transport=httpx2.ASGITransport(app=app),
        base_url="http://director",
        headers={"authorization": f"Basic {words}"},
        timeout=30,
    )
    await stack.enter_async_context(http)
    return BadInput(http, store, memory.all()[0], agents, directory / "blobs", spool)


async def stock(desk: BadInput) -> None:
    """Cloud config, stemcell, release and one deployment."""
    config = json.dumps({"type": "cloud", "name": "default", "content": CLOUD_CONFIG})
    assert (await desk.send("POST", "/configs", config, "application/json")).status_code == 201
    for path, body in (("/stemcells", stemcell()), ("/releases", release())):
        task = await desk.task(await desk.send("POST", path, body, "application/x-compressed"))
        assert task.state == "done", task.result
    task = await desk.task(await desk.send("POST", "/deployments", MANIFEST))
    assert task.state == "done", task.result
