"""The registrar's process."""

from __future__ import annotations

import asyncio

import structlog

from paas.bus.client import Bus, Message, NoAnswerError
from paas.messages.dea import Nothing
from paas.messages.router import RouterStart
from paas.registrar.announcer import Announcer
from paas.registrar.config import Config
from paas.serve.process import unless_told

log = structlog.get_logger("registrar")

GREET_SECONDS = 2


async def main(config: Config, stop: asyncio.Event) -> None:
    """Register until `stop`, then take all routes off."""
    config.check()
    announcers: list[Announcer] = []

    async def again() -> None:
        for one in announcers:
            one.at_once()

    async def started(message: Message[RouterStart]) -> None:
        for one in announcers:
            one.interval = min(config.interval, message.body.interval)
            one.at_once()

    bus = await unless_told(stop, Bus.connect(config.nats, "route_registrar", again))
    if bus is None:
        return
    stopping = asyncio.create_task(stop.wait())
    interval = await _interval(bus, config.interval)
    announcers += [Announcer(bus, route, config.host, interval) for route in config.routes]
    tasks = [asyncio.create_task(one.run()) for one in announcers]
    try:
        await bus.subscribe("router.start", RouterStart, started)
        await asyncio.wait({stopping, *tasks}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        ends = await asyncio.gather(*tasks, return_exceptions=True)
        await bus.close()
    for end in ends:
        if isinstance(end, Exception):
            raise end


async def _interval(bus: Bus, default: int) -> int:
    """How often the routers want to hear; the default where none is there yet: it will say when it starts."""
    try:
        answers = await bus.gather("router.greet", Nothing(), RouterStart, GREET_SECONDS, most=1)
    except NoAnswerError:
        return default
    return min([default, *(one.interval for one in answers)])
