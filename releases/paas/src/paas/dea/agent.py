"""The agent on the bus: what it hears, what it says."""

from __future__ import annotations

import asyncio
import contextlib

import structlog

from paas.bus.client import Bus, Message
from paas.dea.capacity import Capacity, counts
from paas.dea.config import DeaConfig
from paas.dea.evacuation import Evacuation
from paas.dea.files import Files
from paas.dea.instances import Instances, same_place
from paas.dea.life import Life
from paas.dea.record import born
from paas.dea.routes import Routes
from paas.dea.select import found_by, stopped_by
from paas.dea.usage import sample, sample_all, stats
from paas.messages.dea import (
    Advertisement,
    Exited,
    Find,
    Found,
    Heartbeat,
    Hello,
    Nothing,
    Start,
    Status,
    Stop,
    Update,
)

log = structlog.get_logger("dea")

TOGETHER_SECONDS = 0.02
"""Changes that come within this time are told at once."""


class Agent:
    """One DEA."""

    def __init__(
        self,
        config: DeaConfig,
        bus: Bus,
        instances: Instances,
        life: Life,
        routes: Routes,
        evacuation: Evacuation,
        files: Files,
    ) -> None:
        self._config = config
        self._bus = bus
        self._instances = instances
        self._life = life
        self._routes = routes
        self._evacuation = evacuation
        self._files = files
        self._capacity = Capacity(
            memory=int(config.memory_mb * config.memory_overcommit), disk=int(config.disk_mb * config.disk_overcommit)
        )
        self._beat_now, self._advertise_now = asyncio.Event(), asyncio.Event()
        instances.news += [self._beat_now, self._advertise_now]

    async def begin(self) -> None:
        """Hear the others, and say that this DEA is there."""
        await self._bus.subscribe(f"dea.{self._config.id}.start", Start, self._start)
        await self._bus.subscribe("dea.stop", Stop, self._stop)
        await self._bus.subscribe("dea.update", Update, self._update)
        await self._bus.subscribe("dea.find.droplet", Find, self._find)
        await self._bus.subscribe("dea.status", Nothing, self._status)
        await self._bus.subscribe("dea.locate", Nothing, self._locate)
        await self._bus.subscribe("healthmanager.start", Nothing, self._hurry)
        await self.hello()
        await self._routes.begin()

    async def hello(self) -> None:
        """Say that this DEA is there, what it has, and what runs on it."""
        await self._bus.publish("dea.start", self._hello())
        self._beat_now.set()
        self._advertise_now.set()

    async def back(self) -> None:
        """The bus was away: nobody knows what happened meanwhile."""
        await self.hello()
        await self._routes.register_all()

    def _hello(self) -> Hello:
        config = self._config
        return Hello(id=config.id, ip=config.ip, port=config.listen.port, version=config.version)

    async def beat(self) -> None:
        """Heartbeats, at each interval and whenever something has changed."""
        while True:
            self._beat_now.clear()
            beats = [record.beat() for record in self._instances.records()]
            await self._bus.publish("dea.heartbeat", Heartbeat(dea=self._config.id, droplets=beats))
            await sample_all(self._instances.all())
            await _wait(self._beat_now, self._config.heartbeat_seconds)

    async def advertise(self) -> None:
        """What is free here, at each interval and whenever it has changed; nothing while it is being emptied."""
        while True:
            self._advertise_now.clear()
            if not self._evacuation.begun:
                await self._bus.publish("dea.advertise", self._advertisement())
            await _wait(self._advertise_now, self._config.advertise_seconds)

    def _advertisement(self) -> Advertisement:
        records = self._instances.records()
        memory, disk = self._capacity.available(records)
        return Advertisement(
            id=self._config.id,
            stacks=list(self._config.stacks),
            available_memory=max(memory, 0),
            available_disk=max(disk, 0),
            app_id_to_count=counts(records),
            placement_properties={"zone": self._config.zone},
            url=self._files.base,
        )

    async def _locate(self, message: Message[Nothing]) -> None:
        self._advertise_now.set()

    async def _hurry(self, message: Message[Nothing]) -> None:
        self._beat_now.set()

    async def _status(self, message: Message[Nothing]) -> None:
        hello, records = self._hello(), self._instances.records()
        used = sum(one.sample.memory for one in self._instances.live() if one.sample) >> 20
        await message.respond(
            Status(
                id=hello.id,
                ip=hello.ip,
                port=hello.port,
                version=hello.version,
                max_memory=self._capacity.memory,
                reserved_memory=self._capacity.memory - self._capacity.available(records)[0],
                used_memory=used,
                num_clients=len(self._instances.live()),
            )
        )

    async def _start(self, message: Message[Start]) -> None:
        start = message.body
        if same_place(self._instances.records(), start.droplet, start.version, start.index) is not None:
            log.info("start_again", droplet=start.droplet, index=start.index)
            return
        if self._evacuation.begun:
            await self.tell(born(start).exited("DEA_EVACUATION", description="this DEA is being emptied"))
            return
        if lack := self._capacity.lack(start.limits, self._instances.records()):
            log.warning("start_refused", droplet=start.droplet, index=start.index, reason=lack)
            await self.tell(born(start).exited("CRASHED", description=lack))
            self._advertise_now.set()
            return
        # an earlier crash in this place is history
        for instance in self._instances.all():
            record = instance.record
            if record.state == "CRASHED" and (record.droplet, record.index) == (start.droplet, start.index):
                self._instances.forget(instance)
        self._life.start(start)

    async def _stop(self, message: Message[Stop]) -> None:
        chosen = [one for one in self._instances.all() if stopped_by(message.body, one.record)]
        await asyncio.gather(*(self._life.stop(one, "STOPPED") for one in chosen))

    async def _update(self, message: Message[Update]) -> None:
        update = message.body
        for instance in self._instances.all():
            record = instance.record
            if record.droplet != update.droplet or update.version not in ("", record.version):
                continue
            gone = [uri for uri in record.uris if uri not in update.uris]
            record.uris = update.uris
            self._instances.save()
            if record.state in ("RUNNING", "EVACUATING"):
                await self._routes.register(record, record.uris)
                await self._routes.unregister(record, gone)

    async def _find(self, message: Message[Find]) -> None:
        for instance in self._instances.all():
            record = instance.record
            if not found_by(message.body, record):
                continue
            running = record.state in ("RUNNING", "EVACUATING")
            if message.body.include_stats and running:
                await sample(instance)
            await message.respond(
                Found(
                    dea=self._config.id,
                    droplet=record.droplet,
                    version=record.version,
                    instance=record.instance,
                    index=record.index,
                    state=record.state,
                    state_timestamp=record.state_timestamp,
                    staged=f"/{record.instance}",
                    file_uri_v2=self._files.address(record.instance),
                    stats=stats(instance, self._config.ip) if message.body.include_stats and running else None,
                )
            )

    async def tell(self, exited: Exited) -> None:
        """That an instance has ended."""
        await self._bus.publish("droplet.exited", exited)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    # not asyncio.wait_for, which may swallow the cancellation when the event comes at the same moment
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
            await asyncio.sleep(TOGETHER_SECONDS)
