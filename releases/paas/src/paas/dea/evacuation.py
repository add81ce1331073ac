"""Empties the DEA: instances serve on until others run in their place, or until there is no more time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import structlog

from paas.bus.client import Bus, Message
from paas.dea.capacity import counts
from paas.dea.config import DeaConfig
from paas.dea.instances import Instance, Instances
from paas.dea.life import Life
from paas.messages.dea import Exited, Heartbeat, Shutdown

log = structlog.get_logger("dea")

LOOK_SECONDS = 1.0


class Evacuation:
    """`begun` once it was asked for; from then on the DEA takes nothing. `done` when it is empty."""

    def __init__(
        self,
        config: DeaConfig,
        bus: Bus,
        instances: Instances,
        life: Life,
        tell: Callable[[Exited], Awaitable[None]],
    ) -> None:
        self._config = config
        self._bus = bus
        self._instances = instances
        self._life = life
        self._tell = tell
        self._replaced: set[tuple[str, str, int]] = set()
        self._news = asyncio.Event()
        self._heard_at = time.monotonic()
        self.begun = False
        self.done = asyncio.Event()
        self._write("")

    async def run(self) -> None:
        """Do it; asked for a second time it does nothing."""
        if self.begun:
            return
        self.begun = True
        self._heard_at = time.monotonic()
        log.info("evacuation", instances=len(self._instances.live()))
        self._write(f"left {len(self._instances.live())}")
        await self._bus.subscribe("dea.heartbeat", Heartbeat, self._heard)
        # the cloud controller drops what this DEA offered, the health manager looks for new places
        await self._bus.publish(
            "dea.shutdown",
            Shutdown(
                id=self._config.id,
                ip=self._config.ip,
                version=self._config.version,
                app_id_to_count=counts(self._instances.records()),
            ),
        )
        stops: list[asyncio.Task[None]] = []
        for instance in self._instances.live():
            if instance.record.task:
                continue  # it cannot be moved: it has what time there is to end
            if instance.record.state == "RUNNING":
                instance.record.told = True
                self._instances.turn(instance, "EVACUATING")
                await self._tell(instance.record.exited("DEA_EVACUATION"))
            else:
                stops.append(self._stop(instance))
        stops += await self._until_replaced()
        stops += [self._stop(instance) for instance in self._instances.live()]
        while pending := [one for one in stops if not one.done()]:
            self._write(f"left {len(self._instances.live())}")
            await asyncio.wait(pending, timeout=LOOK_SECONDS)
        await self._bus.flush()
        self._write("done")
        self.done.set()
        log.info("evacuated")

    async def _until_replaced(self) -> list[asyncio.Task[None]]:
        """Stop what has been replaced, until there is no more of it or no more time."""
        deadline = time.monotonic() + self._config.evacuation_seconds
        stops: list[asyncio.Task[None]] = []
        while left := [one for one in self._instances.live() if one.record.state == "EVACUATING" or one.record.task]:
            self._news.clear()
            for instance in left:
                record = instance.record
                place = (record.droplet, record.version, record.index)
                if place in self._replaced and record.state == "EVACUATING":
                    stops.append(self._stop(instance))
            now = time.monotonic()
            if now > deadline:
                log.warning("evacuation_timeout", left=len(left))
                break
            if now > self._heard_at + self._config.lonely_seconds and not any(one.record.task for one in left):
                log.warning("no_other_dea", left=len(left))
                break
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._news.wait()
            self._write(f"left {len(self._instances.live())}")
        return stops

    def _stop(self, instance: Instance) -> asyncio.Task[None]:
        return asyncio.create_task(self._life.stop(instance, "DEA_EVACUATION"))

    async def _heard(self, message: Message[Heartbeat]) -> None:
        if message.body.dea == self._config.id:
            return
        self._heard_at = time.monotonic()
        self._replaced |= {
            (beat.droplet, beat.version, beat.index) for beat in message.body.droplets if beat.state == "RUNNING"
        }
        self._news.set()

    def _write(self, text: str) -> None:
        """For the drain script."""
        if not self._config.status_file:
            return
        file = Path(self._config.status_file)
        if not text:
            file.unlink(missing_ok=True)
            return
        fresh = file.with_suffix(".new")
        fresh.write_text(f"{text}\n")
        fresh.replace(file)
