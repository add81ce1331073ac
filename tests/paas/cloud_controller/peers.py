"""A DEA and a stager as the cloud controller sees them: they speak the real protocol over the real bus, and run nothing."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx2
from paas.bus.client import Bus, BusConfig, Message
from paas.messages.dea import Advertisement, Find, Found, Nothing, Shutdown, Start, Stats, Stop, Update, Usage
from paas.messages.staging import StagerAdvertisement, StageReply, StageRequest, StagingStop

SECONDS = 30
STACK = "cflinuxfs-deb12"


@dataclass
class Instance:
    """What was started."""

    start: Start
    guid: str
    state: str = "RUNNING"


@dataclass
class DeaPeer:
    """Takes starts as its own, and answers questions for instances."""

    bus: Bus
    id: str
    memory: int = 4096
    zone: str = "z1"
    instances: list[Instance] = field(default_factory=list)
    updates: list[Update] = field(default_factory=list)
    stops: list[Stop] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    comes_up: bool = True
    """Whether what is started runs."""

    async def listen(self) -> None:
        await self.bus.subscribe(f"dea.{self.id}.start", Start, self._start)
        await self.bus.subscribe("dea.stop", Stop, self._stop)
        await self.bus.subscribe("dea.find.droplet", Find, self._find)
        await self.bus.subscribe("dea.update", Update, self._update)
        await self.bus.subscribe("dea.locate", Nothing, self._locate)
        await self.advertise()
        await self.bus.flush()

    async def advertise(self) -> None:
        counts: dict[str, int] = {}
        for one in self.instances:
            counts[one.start.droplet] = counts.get(one.start.droplet, 0) + 1
        said = Advertisement(
            id=self.id,
            stacks=[STACK],
            available_memory=self.memory - sum(one.start.limits.mem for one in self.instances),
            available_disk=100_000,
            app_id_to_count=counts,
            placement_properties={"zone": self.zone},
        )
        await self.bus.publish("dea.advertise", said)

    def of(self, droplet: str, *states: str) -> list[Instance]:
        """Instances of a process, by index."""
        found = [one for one in self.instances if one.start.droplet == droplet and (not states or one.state in states)]
        return sorted(found, key=lambda one: one.start.index)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until what this DEA knows fits."""
        await until(self.changed, condition)

    async def _locate(self, _: Message[Nothing]) -> None:
        await self.advertise()

    async def _start(self, message: Message[Start]) -> None:
        state = "RUNNING" if self.comes_up else "STARTING"
        self.instances.append(Instance(message.body, uuid.uuid4().hex, state))
        self.changed.set()

    async def _stop(self, message: Message[Stop]) -> None:
        stop = message.body
        self.stops.append(stop)
        self.instances = [one for one in self.instances if not self._meant(one, stop)]
        self.changed.set()

    @staticmethod
    def _meant(one: Instance, stop: Stop) -> bool:
        return (
            one.start.droplet == stop.droplet
            and (not stop.version or one.start.version == stop.version)
            and (stop.indices is None or one.start.index in stop.indices)
            and (stop.instances is None or one.guid in stop.instances)
        )

    async def _update(self, message: Message[Update]) -> None:
        self.updates.append(message.body)
        self.changed.set()

    async def _find(self, message: Message[Find]) -> None:
        find = message.body
        for one in self.of(find.droplet):
            if find.version and one.start.version != find.version:
                continue
            stats = Stats(
                name=one.start.name,
                uris=one.start.uris,
                host="10.0.0.9",
                port=61001 + one.start.index,
                uptime=5,
                mem_quota=one.start.limits.mem << 20,
                disk_quota=one.start.limits.disk << 20,
                fds_quota=16384,
                usage=Usage(time="2026-01-01T00:00:00Z", cpu=0.1, mem=1 << 20, disk=1 << 20),
            )
            await message.respond(
                Found(
                    dea=self.id,
                    droplet=find.droplet,
                    version=one.start.version,
                    instance=one.guid,
                    index=one.start.index,
                    state=one.state,  # type: ignore[arg-type]
                    state_timestamp=time.time(),
                    stats=stats if find.include_stats else None,
                )
            )


@dataclass
class StagerPeer:
    """Downloads the package, uploads a droplet that says what it was made of, and answers twice."""

    bus: Bus
    id: str
    requests: list[StageRequest] = field(default_factory=list)
    stops: list[str] = field(default_factory=list)
    answer: Callable[[StageRequest], StageReply] | None = None
    """The second reply, where it is to be another one."""
    hold: asyncio.Event | None = None
    """The second reply waits for this."""
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    process_types: dict[str, str] = field(default_factory=lambda: {"web": "nginx -c nginx.conf"})

    async def listen(self) -> None:
        await self.bus.subscribe(f"staging.{self.id}.start", StageRequest, self._stage)
        await self.bus.subscribe("staging.stop", StagingStop, self._stop)
        await self.bus.subscribe("staging.locate", Nothing, self._locate)
        await self.advertise()
        await self.bus.flush()

    async def advertise(self) -> None:
        await self.bus.publish(
            "staging.advertise", StagerAdvertisement(id=self.id, stacks=[STACK], available_memory=4096)
        )

    async def _locate(self, _: Message[Nothing]) -> None:
        await self.advertise()

    async def _stop(self, message: Message[StagingStop]) -> None:
        self.stops.append(message.body.app_id)

    async def _stage(self, message: Message[StageRequest]) -> None:
        request = message.body
        self.requests.append(request)
        self.changed.set()
        await message.respond(StageReply(task_id=request.task_id))
        if self.hold is not None:
            await self.hold.wait()
        if self.answer is not None:
            await message.respond(self.answer(request))
            return
        async with httpx2.AsyncClient(trust_env=False) as http:
            package = (await http.get(request.download_uri)).raise_for_status().content
            droplet = b"droplet of " + package
            (await http.put(request.upload_uri, content=droplet)).raise_for_status()
        await message.respond(
            StageReply(
                task_id=request.task_id,
                finished=True,
                detected_buildpack="static",
                buildpacks=[{"name": "static_buildpack", "detect_output": "static"}],
                droplet_sha256=hashlib.sha256(droplet).hexdigest(),
                droplet_size=len(droplet),
                process_types=self.process_types,
            )
        )


async def until(changed: asyncio.Event, condition: Callable[[], bool]) -> None:
    """Wait until `condition` holds; it is looked at whenever `changed` is set."""
    deadline = time.monotonic() + SECONDS
    while not condition():
        changed.clear()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(changed.wait(), 0.5)
        assert time.monotonic() < deadline, "what was waited for did not come"


@asynccontextmanager
async def on_bus(url: str) -> AsyncIterator[Bus]:
    """A connection of a peer's."""
    bus = await Bus.connect(BusConfig(servers=[url]), "peer")
    try:
        yield bus
    finally:
        await bus.close()


async def beat(peer: DeaPeer | StagerPeer) -> None:
    """Advertise again and again, as real ones do."""
    while True:
        await peer.advertise()
        await asyncio.sleep(1)


@asynccontextmanager
async def alive(*peers: DeaPeer | StagerPeer) -> AsyncIterator[None]:
    """They listen and advertise for as long as the block."""
    for peer in peers:
        await peer.listen()
    tasks = [asyncio.create_task(beat(peer)) for peer in peers]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for peer in peers:
            if isinstance(peer, DeaPeer):
                counts: dict[str, int] = {}
                await peer.bus.publish("dea.shutdown", Shutdown(id=peer.id, ip="", version="", app_id_to_count=counts))
                await peer.bus.flush()
