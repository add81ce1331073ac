"""A small world for recovery: a memory cloud, agents in its VMs, a store, and directors that live and die in it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.blobs import MemoryBlobs
from director.adapters.memory.clock import VirtualClock
from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.adapters.memory.inventory import Stemcell
from director.adapters.secrets.store_secrets import StoreSecrets
from director.adapters.store.sql import SqlStore
from director.adapters.task_log import StoreTaskLog
from director.engine.context import TaskContext
from director.engine.ports import Ports
from director.engine.tasks import Handler, Runner
from director.model.plan import Plan, Step
from director.model.rows import (
    JobRow,
    PackageRow,
    ReleaseRow,
    StemcellRow,
    Task,
)
from director.ports.store import Changes
from director.steps.step import Site
from tests.recovery.invariants import picture, wrongs


class Killed(BaseException):
    """The director's process died here."""


class MortalStore:
    """The store as one life of a director sees it: after its death it reaches nothing any more."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store
        self.dead = False

    def __getattr__(self, name: str) -> Any:
        if self.dead:
            raise Killed
        return getattr(self._store, name)


Watch = Callable[[str, Step], Awaitable[bool]]
"""Told each point; True kills the director there."""


async def spare(point: str, step: Step) -> bool:
    return False


@dataclass
class Job:
    """What a task is made of."""

    type: str
    request: dict[str, Any] = field(default_factory=dict)
    deployment: str | None = None


@dataclass
class World:
    """Lives through tasks; ``lives`` counts the directors that took part."""

    store: SqlStore
    directory: Path
    cloud: MemoryCloud = field(default_factory=MemoryCloud)
    clock: VirtualClock = field(default_factory=VirtualClock)
    lives: int = 0

    def __post_init__(self) -> None:
        self.clouds = MemoryClouds(self.cloud)
        self.blobs = MemoryBlobs(self.directory)
        self.agents = MemoryAgents(self.clouds, self.clock, self.blobs.receive)
        self.site = Site(name="memory", uuid="0d", mbus="nats://127.0.0.1:4222", agent_wait_timeout=5)

    async def furnish(self) -> None:
        """A stemcell and a release with one job and two packages, as if uploaded."""
        self.cloud.inventory.stemcells["stemcell-0"] = Stemcell("stemcell-0", "s")
        stemcell = StemcellRow(
            id=1, name="s", version="1", operating_system="debian-12", cid="stemcell-0", api_version=3, formats=("raw",)
        )
        packages: list[PackageRow] = []
        for name, needs in (("base", ()), ("web", ("base",))):
            blob_id, digest = await self.blobs.put_bytes(name.encode(), blob_id=f"source-{name}")
            packages.append(PackageRow(name, f"f-{name}", "1", digest, blob_id, needs))
        job = JobRow("web", "f-job", "1", "sha256:0", "job-web", {"name": "web"}, ("web",))
        release = ReleaseRow(name="r", version="1", jobs=(job,), packages=tuple(packages))
        await self.blobs.put_bytes(b"templates", blob_id="templates")
        await self.store.commit(Changes(put=[stemcell, release]))

    def ports(self, store: Any) -> Ports:
        secrets = StoreSecrets(store, self.directory / "master.key", "memory")
        return Ports(store, self.clouds, self.agents, self.blobs, secrets, self.clock, self.site)

    async def live(self, task_id: int, plan: Plan, watch: Watch = spare) -> Task | None:
        """One life of a director, which has a deploy with this plan to do. The task when it ended; None when the director was killed."""

        async def deploy(context: TaskContext) -> str:
            async def make() -> Plan:
                return plan

            await context.lock("deployment/web")
            await context.carry_out(make)
            return "/deployments/web"

        return await self.serve(task_id, lambda ports: {"deploy": deploy}, Job("deploy", deployment="web"), watch)

    async def serve(
        self, task_id: int, handlers: Callable[[Ports], Mapping[str, Handler]], job: Job, watch: Watch = spare
    ) -> Task | None:
        """One life of a director with these handlers; the job becomes the task if that is not there yet."""
        self.lives += 1
        store = MortalStore(self.store)
        killed = asyncio.Event()

        async def probe(point: str, step: Step) -> None:
            if await watch(point, step):
                store.dead = True
                killed.set()
                raise Killed

        def make_log(task_id: int) -> StoreTaskLog:
            return StoreTaskLog(store, task_id, self.clock, delay=0)  # type: ignore[arg-type]

        ports = self.ports(store)
        runner = Runner(ports, handlers(ports), make_log, owner=f"home#{self.lives}", earlier="home#", probe=probe)
        if await self.store.get(Task, f"{task_id:012d}") is None:
            created = await runner.create(job.type, job.type, request=job.request, deployment=job.deployment)
            assert created.id == task_id
        await runner.start()
        ended = asyncio.ensure_future(runner.wait(task_id))
        death = asyncio.ensure_future(killed.wait())
        async with asyncio.timeout(60):
            await asyncio.wait({ended, death}, return_when=asyncio.FIRST_COMPLETED)
        store.dead = store.dead or killed.is_set()
        for one in (ended, death):
            one.cancel()
        await asyncio.gather(ended, death, return_exceptions=True)
        await runner.stop(grace=0 if store.dead else 5)
        await self.agents.close()
        return None if killed.is_set() else await self.store.get(Task, f"{task_id:012d}")

    async def cancel(self, task: Task) -> None:
        """As the API does it."""
        await self.store.commit(Changes(put=[msgspec.structs.replace(task, state="cancelling")]))

    def calls(self) -> dict[str, int]:
        """Calls to the cloud and actions of agents by name, without questions."""
        asked = {"find", "find_all", "info", "ping", "get_state", "list_disk", "vm_status"}
        counted = {f"cloud {method}": count for method, count in self.cloud.script.calls.items() if method not in asked}
        counted |= {
            f"agent {method}": count for method, count in self.agents.script.calls.items() if method not in asked
        }
        return dict(sorted(counted.items()))

    async def picture(self) -> str:
        """The end state: rows, cloud and agents, with CIDs replaced by keys and without times."""
        return await picture(self.store, self.cloud.inventory, self.agents)

    async def check(self) -> None:
        """What must hold after every task that has ended well, however often its directors died."""
        found = await wrongs(self.store, self.cloud.inventory, self.agents)
        assert not found, "\n".join(found)
