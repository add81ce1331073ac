"""A realm: store, cloud, agents, blobs and time, in which directors live and die; it can be photographed and put back."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.blobs import HeldBlobs
from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.adapters.memory.guest import Guest
from director.adapters.memory.inventory import Inventory
from director.adapters.memory.store import Content, MemoryStore
from director.adapters.memory.templates import MemoryTemplates
from director.model.rows import InstanceRow, Task, VmRow
from director.ports.clock import Clock
from director.ports.store import Changes
from director.steps.step import Site
from tests.recovery import shop
from tests.recovery.virtual import START, LoopClock

OPEN = ("queued", "processing", "cancelling")


@dataclass
class Photo:
    """All that a realm is at one moment."""

    content: Content
    inventory: Inventory
    guests: dict[str, Guest]
    blobs: dict[str, bytes]
    admitted: set[str]


@dataclass
class Realm:
    """``store`` is the truth as the tests see it; directors get it through `tests.recovery.life`."""

    directory: Path
    store: Any = None
    clock: Clock = field(default_factory=LoopClock)
    templates: MemoryTemplates = field(default_factory=MemoryTemplates)

    def __post_init__(self) -> None:
        self.store = self.store or MemoryStore(now=self.clock.now)
        self.cloud = MemoryCloud()
        self.clouds = MemoryClouds(self.cloud)
        self.blobs = HeldBlobs(self.directory)
        self.agents = MemoryAgents(self.clouds, self.clock, self.blobs.receive)
        self.site = Site(name="memory", uuid="0d", mbus="nats://127.0.0.1:4222", agent_wait_timeout=30)
        self.lives = 0

    async def furnish(self) -> None:
        """Config, stemcells and releases, as if uploaded."""
        await self.store.commit(Changes(put=await shop.furnish(self.blobs, self.cloud.inventory)))

    def photo(self) -> Photo:
        """Of a realm on a store of dictionaries."""
        return Photo(
            self.store.content.copy(),
            self.cloud.inventory.copy(),
            self.agents.copies(),
            dict(self.blobs.content),
            set(self.agents.admitted),
        )

    def put_back(self, photo: Photo) -> None:
        """Be as photographed. Directors of before must be gone."""
        self.store.content = photo.content.copy()
        self.cloud.inventory = photo.inventory.copy()
        self.agents.put_back(photo.guests)
        self.blobs.content = dict(photo.blobs)
        self.agents.admitted = set(photo.admitted)
        self.agents.silent = set()

    async def task(self, number: int) -> Task:
        row = await self.store.get(Task, f"{number:012d}")
        assert row is not None
        return row

    async def last(self) -> Task | None:
        """The newest task."""
        rows = await self.store.find(Task, newest_first=True, limit=1)
        return rows[0] if rows else None

    def calls(self) -> dict[str, int]:
        """Calls to the cloud and actions of agents, without questions."""
        asked = {"find", "find_all", "info", "ping", "get_state", "list_disk"}
        return {
            f"{side} {method}": count
            for side, script in (("cloud", self.cloud.script), ("agent", self.agents.script))
            for method, count in sorted(script.calls.items())
            if method not in asked
        }

    async def vanish(self, number: int) -> None:
        """A VM of an instance is there no more; nobody is told."""
        vms = [row for row in await self.store.find(VmRow) if row.cid in self.cloud.inventory.vms and row.instance_id]
        if vms:
            self.take_away(vms[number % len(vms)].cid)

    def take_away(self, cid: str) -> None:
        """This VM. Who then finds none may make another under its key."""
        vm = self.cloud.inventory.vms.pop(cid)
        self.cloud.inventory.made["vm", vm.key] -= 1

    def heal(self) -> None:
        """Nothing goes wrong any more: calls answer, agents speak, jobs come up."""
        self.cloud.script.lift()
        self.agents.script.lift()
        self.agents.silent.clear()
        for vm in self.cloud.inventory.vms.values():
            guest = self.agents.guest(vm.agent_id)
            assert guest is not None
            guest.failing = False

    async def instances(self) -> list[InstanceRow]:
        rows = await self.store.find(InstanceRow, deployment=shop.NAME)
        return sorted(rows, key=lambda row: (row.group, row.index))


def now() -> float:
    """The realm's time on the running loop."""
    return START + asyncio.get_running_loop().time()
