"""The locator's process: table, bus and socket. It serves its socket before the bus is there, and says meanwhile that it knows nothing."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from pathlib import Path

import structlog

from paas.bus.client import Bus
from paas.messages.log import LogLine, LogLines
from paas.messages.router import RouterStart
from paas.router.config import Config
from paas.router.hearing import Hearing
from paas.router.locator import AppLines, application
from paas.router.table import Table
from paas.serve.http import Listen, serve

log = structlog.get_logger("router")


async def main(config: Config, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    table = Table(config.prune, bool(config.nginx.ca), config.empty_route)
    name = config.id or str(uuid.uuid4())
    hearing = Hearing(table, RouterStart(id=name, hosts=config.hosts, interval=config.interval, prune=config.prune))
    buses: list[Bus] = []

    async def hear() -> None:
        try:
            bus = await Bus.connect(config.nats, f"router {name}", hearing.again)
            buses.append(bus)
            await hearing.begin(bus)
            await hearing.prune(config.prune_every)
        except Exception:
            log.exception("router_deaf")  # the supervisor starts it again; nginx goes on with what it knows
            stop.set()
            raise

    async def log_lines(lines: AppLines) -> None:
        # app ids come from registrations, and a subject has no room for everything
        if buses and lines.app.replace("-", "").isalnum():
            said = [LogLine(at=round(one.at * 1000) * 1_000_000, text=one.text) for one in lines.lines]
            await buses[0].publish(
                f"log.{lines.app}", LogLines(app=lines.app, source="RTR", instance=str(config.index), lines=said)
            )

    socket = Path(config.socket)
    with contextlib.suppress(FileNotFoundError):
        socket.unlink()  # of a process that was killed
    hearing_task = asyncio.create_task(hear())
    try:
        await serve(application(config, table, lambda: hearing.warm, log_lines), Listen(socket=config.socket), stop)
    finally:
        hearing_task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await hearing_task
        for bus in buses:
            await bus.close()
