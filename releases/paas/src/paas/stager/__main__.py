"""``python3 -m paas.stager --config FILE``. SIGUSR2: take no more; the process ends when what runs has ended."""

from __future__ import annotations

import asyncio
import os
import signal
import sys

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from paas.bus.client import Bus
from paas.serve.http import serve
from paas.serve.process import run, unless_told
from paas.stager.agent import Agent
from paas.stager.config import Config


async def main(config: Config, stop: asyncio.Event) -> None:
    """Stage until told to end."""
    # containers read what is unpacked here, as another user
    os.umask(0o022)
    bus = await unless_told(stop, Bus.connect(config.bus, "stager"))
    if bus is None:
        return
    agent = Agent(config, bus)
    await agent.begin()

    async def healthz(_: Request) -> PlainTextResponse:
        fit = await agent.fit()
        return PlainTextResponse("ok\n" if fit else "the bus or the warden is away\n", 200 if fit else 503)

    async def drain() -> None:
        agent.drain()
        await agent.idle.wait()
        stop.set()

    draining: set[asyncio.Task[None]] = set()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, lambda: draining.add(asyncio.create_task(drain())))
    advertising = asyncio.create_task(agent.advertise_until(stop))
    try:
        await serve(Starlette(routes=[Route("/healthz", healthz)]), config.listen, stop)
    finally:
        stop.set()
        await advertising
        await agent.end()
        await bus.close()


if __name__ == "__main__":
    sys.exit(run("stager", Config, main))
