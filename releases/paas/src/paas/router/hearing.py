"""The router on the bus: hears registrations, says that it is there, forgets what is no longer registered."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from paas.bus.client import Bus, Message
from paas.messages.dea import Nothing
from paas.messages.router import Register, RouterStart
from paas.router.table import RefusedError, Table

log = structlog.get_logger("router")


class Hearing:
    """One router's ears. Seconds by `clock`, a steady one."""

    def __init__(self, table: Table, hello: RouterStart, clock: Callable[[], float] = time.monotonic) -> None:
        self._table = table
        self._hello = hello
        self._clock = clock
        self._bus: Bus | None = None
        self._said: float | None = None
        self._since = clock()

    @property
    def warm(self) -> bool:
        """Whether one interval has passed since all were asked to register."""
        return self._said is not None and self._clock() - self._said >= self._hello.interval

    async def begin(self, bus: Bus) -> None:
        """Listen, then ask all to register."""
        self._bus = bus
        await bus.subscribe("router.register", Register, self._register)
        await bus.subscribe("router.unregister", Register, self._unregister)
        await bus.subscribe("router.greet", Nothing, self._greet)
        await self.again()

    async def again(self) -> None:
        """The bus is there (again): nothing could be heard before, so nothing is too old yet."""
        if self._bus is None:
            return
        self._since = self._clock()
        await self._bus.publish("router.start", self._hello)
        await self._bus.flush()
        if self._said is None:
            self._said = self._clock()

    async def prune(self, every: float) -> None:
        """Look every so often, for ever. While the bus is away nothing is forgotten."""
        while True:
            await asyncio.sleep(every)
            self.prune_once()

    def prune_once(self) -> None:
        """Forget what is too old, unless nobody can be heard."""
        if self._bus is None or not self._bus.connected:
            self._since = self._clock()
            return
        if gone := self._table.prune(self._clock(), self._since):
            log.info("routes_pruned", endpoints=gone, left=self._table.endpoints)

    async def _register(self, message: Message[Register]) -> None:
        try:
            if self._table.register(message.body, self._clock()):
                log.info("route_registered", **_facts(message.body))
        except RefusedError as error:
            log.warning("route_refused", error=str(error), **_facts(message.body))

    async def _unregister(self, message: Message[Register]) -> None:
        try:
            if self._table.unregister(message.body, self._clock()):
                log.info("route_unregistered", **_facts(message.body))
        except RefusedError as error:
            log.warning("route_refused", error=str(error), **_facts(message.body))

    async def _greet(self, message: Message[Nothing]) -> None:
        await message.respond(self._hello)


def _facts(message: Register) -> dict[str, object]:
    return {"host": message.host, "port": message.tls_port or message.port, "uris": message.uris, "app": message.app}
