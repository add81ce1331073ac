"""Tells the routers where instances are: at once, and again as often as they want."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable

from paas.bus.client import Bus, Message, NoAnswerError
from paas.dea.record import Record
from paas.messages.dea import Nothing
from paas.messages.router import Register, RouterStart

GREET_SECONDS = 3
DEFAULT_INTERVAL = 20


class Routes:
    """The routes of this DEA; `records` gives the instances that may be reached just now."""

    def __init__(self, bus: Bus, dea: str, ip: str, records: Callable[[], Iterable[Record]]) -> None:
        self._bus = bus
        self._dea = dea
        self._ip = ip
        self._records = records
        self._interval = float(DEFAULT_INTERVAL)
        self._sooner = asyncio.Event()

    async def begin(self) -> None:
        """Hear routers that start, and ask those that are there."""
        await self._bus.subscribe("router.start", RouterStart, self._started)
        with contextlib.suppress(NoAnswerError):
            self._wish(await self._bus.request("router.greet", Nothing(), RouterStart, GREET_SECONDS))
        await self.register_all()

    async def keep(self) -> None:
        """Register all at every interval, for as long as the agent runs."""
        while True:
            self._sooner.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._interval):
                    await self._sooner.wait()
                continue
            await self.register_all()

    async def _started(self, message: Message[RouterStart]) -> None:
        self._wish(message.body)
        await self.register_all()

    def _wish(self, start: RouterStart) -> None:
        interval = max(float(start.interval), 1.0)
        if interval < self._interval:
            self._interval = interval
            self._sooner.set()

    async def register_all(self) -> None:
        """Of every instance that may be reached."""
        for record in self._records():
            await self.register(record, record.uris)

    async def register(self, record: Record, uris: list[str]) -> None:
        """Requests for `uris` may come to it."""
        if uris:
            await self._bus.publish("router.register", self._route(record, uris))

    async def unregister(self, record: Record, uris: list[str]) -> None:
        """No request for `uris` shall come to it any more."""
        if uris:
            await self._bus.publish("router.unregister", self._route(record, uris))

    def _route(self, record: Record, uris: list[str]) -> Register:
        return Register(
            host=self._ip,
            port=record.host_port,
            uris=uris,
            app=record.app,
            dea=self._dea,
            tags={"component": f"dea-{self._dea}", "process_type": record.process_type},
            private_instance_id=record.instance,
            private_instance_index=str(record.index),
        )
