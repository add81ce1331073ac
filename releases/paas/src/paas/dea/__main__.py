"""``python -m paas.dea --config FILE``. SIGUSR2 empties the DEA, SIGTERM ends the agent; instances go on without it."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path

import structlog

from paas.bus.client import Bus
from paas.containers.client import WardenAwayError, WardenClient
from paas.dea.agent import Agent
from paas.dea.config import DeaConfig
from paas.dea.droplets import Droplets
from paas.dea.evacuation import Evacuation
from paas.dea.files import Files, application
from paas.dea.instances import Instances
from paas.dea.life import Life
from paas.dea.record import load
from paas.dea.routes import Routes
from paas.dea.shipping import Shipping
from paas.messages.dea import Exited
from paas.serve.http import serve
from paas.serve.process import run, unless_told

log = structlog.get_logger("dea")

WARDEN_SECONDS = 5
SNAPSHOT_SECONDS = 1.0


async def main(config: DeaConfig, stop: asyncio.Event) -> None:
    """Find what runs, hear the bus, until told to end."""
    empty = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR2, empty.set)
    warden = WardenClient(config.warden)
    while True:
        try:
            await warden.ready(WARDEN_SECONDS)
            break
        except WardenAwayError as error:
            log.warning("no_warden", error=str(error))
            if stop.is_set():
                return
    directory = Path(config.directory)
    directory.mkdir(parents=True, exist_ok=True)
    snapshot = directory / "instances.json"
    agents: list[Agent] = []

    async def back() -> None:
        for agent in agents:
            await agent.back()

    bus = await unless_told(stop, Bus.connect(config.bus, f"dea-{config.id}", back))
    if bus is None:
        return
    ending = asyncio.create_task(stop.wait())

    async def tell(exited: Exited) -> None:
        await bus.publish("droplet.exited", exited)

    instances = Instances(snapshot)
    routes = Routes(bus, config.id, config.ip, instances.reachable)
    droplets = Droplets(directory / "droplets", config.droplet_cache_mb << 20, config.ca)
    shipping = Shipping(bus, config.log_rate, instances.moved)
    life = Life(config, warden, instances, droplets, routes, shipping, tell)
    evacuation = Evacuation(config, bus, instances, life, tell)
    files = Files(config, instances)
    agent = Agent(config, bus, instances, life, routes, evacuation, files)
    agents.append(agent)
    await life.adopt(load(snapshot))
    await agent.begin()

    async def fit() -> str:
        """Why this DEA is not fit to serve."""
        try:
            await warden.ping()
        except WardenAwayError:
            return "the warden does not answer"
        return "" if bus.connected else "the bus is away"

    loops = [routes.keep(), agent.beat(), agent.advertise(), instances.keep(SNAPSHOT_SECONDS)]
    tasks = [asyncio.create_task(one) for one in loops]
    emptying = asyncio.create_task(_when(empty, evacuation))
    tasks.append(asyncio.create_task(serve(application(files, fit), config.listen, stop)))
    try:
        await asyncio.wait((ending, *tasks), return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            if task.done() and not stop.is_set():
                task.result()
    finally:
        for task in (*tasks, emptying):
            task.cancel()
        await asyncio.gather(*tasks, emptying, return_exceptions=True)
        await life.leave()
        await bus.close()


async def _when(empty: asyncio.Event, evacuation: Evacuation) -> None:
    await empty.wait()
    try:
        await evacuation.run()
    except Exception:  # the agent serves on; who drains it has a time-out of its own
        log.exception("evacuation")


if __name__ == "__main__":
    sys.exit(run("dea", DeaConfig, main))
