"""The health manager's process: hears the bus, reads what is wanted, lets the core decide once a second, and says what it decided."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Coroutine
from typing import Any

import structlog
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from paas.bus.client import Bus, Message, NoAnswerError
from paas.health_manager import answers
from paas.health_manager.bulk import BulkError, BulkReader
from paas.health_manager.config import Config
from paas.health_manager.core import Core, Order
from paas.health_manager.lease import Lease
from paas.messages.dea import Exited, Heartbeat, Nothing, Updated
from paas.messages.health import AppsQuestion, HealthStart, StatusQuestion
from paas.serve.http import serve

log = structlog.get_logger("health_manager")

TICK = 1.0
BETWEEN_READINGS = 1.0
RETRY_READING = 5.0


class Manager:
    """One health manager. `acts`: whether it is the one that acts."""

    def __init__(self, config: Config, bus: Bus, acts: Callable[[], bool]) -> None:
        self._config = config
        self._bus = bus
        self._acts = acts
        self.core = Core(config.timings, lambda: random.uniform(-1, 1))  # noqa: S311 spreads restarts
        self._reader = BulkReader(bus, config.bulk_urls, config.ca, config.partition, config.batch)
        self._read_now = asyncio.Event()
        self._connected = False

    async def begin(self) -> None:
        """Listen, and ask all DEAs for a heartbeat."""
        bus = self._bus
        await bus.subscribe("dea.heartbeat", Heartbeat, self._heartbeat)
        await bus.subscribe("droplet.exited", Exited, self._exited)
        await bus.subscribe("droplet.updated", Updated, self._updated)
        await bus.subscribe("healthmanager.status", StatusQuestion, self._status)
        await bus.subscribe("healthmanager.health", AppsQuestion, self._health)
        await bus.subscribe("healthmanager.droplet", AppsQuestion, self._droplet)
        await self.again()

    async def again(self) -> None:
        """The bus is there (again)."""
        self.core.connected(time.monotonic())
        self._connected = True
        await self._bus.publish("healthmanager.start", Nothing())
        await self._bus.flush()

    async def decide(self) -> None:
        """Once a second, for ever."""
        while True:
            now = time.monotonic()
            if self._connected and not self._bus.connected:
                self._connected = False
                self.core.disconnected()
            for order in self.core.tick(now, self._acts()):
                await self._say(order)
            await asyncio.sleep(TICK)

    async def read(self) -> None:
        """Read what is wanted when something has changed, and every so often; for ever."""
        try:
            while True:
                self._read_now.clear()
                wait = self._config.timings.desired_every if await self._read() else RETRY_READING
                await asyncio.sleep(BETWEEN_READINGS)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(wait):
                        await self._read_now.wait()
        finally:
            await self._reader.close()

    async def _read(self) -> bool:
        began = time.monotonic()
        try:
            async for page in self._reader.pages():
                self.core.read(page, began, time.monotonic())
        except (BulkError, NoAnswerError) as error:
            log.warning("desired_state_unread", error=str(error))
            return False
        self.core.read_all(began, time.monotonic())
        return True

    async def _say(self, order: Order) -> None:
        if isinstance(order, HealthStart):
            log.info("start", app=order.droplet, version=order.version, indices=order.indices, flapping=order.flapping)
            await self._bus.publish("health.start", order)
        else:
            log.info("stop", app=order.droplet, version=order.version, instances=list(order.instances))
            await self._bus.publish("health.stop", order)

    async def _heartbeat(self, message: Message[Heartbeat]) -> None:
        self.core.heartbeat(message.body, time.monotonic())

    async def _exited(self, message: Message[Exited]) -> None:
        if not message.body.task:
            self.core.exited(message.body, time.monotonic())

    async def _updated(self, message: Message[Updated]) -> None:
        self.core.updated(message.body.droplet, time.monotonic())
        self._read_now.set()

    async def _status(self, message: Message[StatusQuestion]) -> None:
        await message.respond(answers.status(self.core, message.body))

    async def _health(self, message: Message[AppsQuestion]) -> None:
        for asked in message.body.droplets:
            if (answer := answers.health(self.core, asked)) is not None:
                await message.respond(answer)

    async def _droplet(self, message: Message[AppsQuestion]) -> None:
        for asked in message.body.droplets:
            if (answer := answers.droplet(self.core, asked)) is not None:
                await message.respond(answer)


async def main(config: Config, stop: asyncio.Event) -> None:
    """Work until `stop`."""
    managers: list[Manager] = []
    lease = Lease(config.database, config.lease_seconds) if config.database else None

    async def work() -> None:
        async def again() -> None:
            for one in managers:
                await one.again()

        bus = await Bus.connect(config.nats, "health_manager", again)
        try:
            manager = Manager(config, bus, lambda: lease is None or lease.held)
            await manager.begin()
            managers.append(manager)
            async with asyncio.TaskGroup() as group:
                group.create_task(manager.decide())
                group.create_task(manager.read())
        finally:
            await bus.close()

    async def guarded(part: Coroutine[Any, Any, None]) -> None:
        try:
            await part
        except Exception:
            log.exception("health_manager_failed")  # the supervisor starts it again
            stop.set()

    tasks = [asyncio.create_task(guarded(work()))]
    if lease is not None:
        tasks.append(asyncio.create_task(guarded(lease.keep())))
    try:
        await serve(_application(managers, lease), config.listen, stop)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _application(managers: list[Manager], lease: Lease | None) -> Starlette:
    async def health(_: Request) -> Response:
        if not managers:
            return Response("the bus is not there\n", 503)
        return Response("ok\n")

    async def metrics(_: Request) -> Response:
        now = time.monotonic()
        figures = {"health_manager_leader": int(lease is None or lease.held)}
        for one in managers:
            core = one.core
            figures |= {
                "health_manager_actual_available": int(core.available(now)),
                "health_manager_desired_trusted": int(core.trusted(now)),
                "health_manager_apps_wanted": len(core.wanted.apps),
                "health_manager_deas": core.actual.deas,
                "health_manager_instances_up": sum(len(core.actual.up(app)) for app in core.actual.apps),
                "health_manager_indices_crashing": sum(c.flapping(core.timings) for c in core.crashes.values()),
            }
        return Response("".join(f"# TYPE {name} gauge\n{name} {value}\n" for name, value in figures.items()))

    return Starlette(routes=[Route("/healthz", health), Route("/metrics", metrics)])
