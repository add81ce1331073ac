"""One process of the cloud controller: the API, the workers and the clock, or some of them."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import structlog

from paas.blobs.store import BlobStore
from paas.bus.client import Bus
from paas.cloud_controller.app import application
from paas.cloud_controller.broker.client import Brokers
from paas.cloud_controller.cleanup.clean import Cleaner
from paas.cloud_controller.config import Config
from paas.cloud_controller.deployments.step import Mover
from paas.cloud_controller.health.hear import hear_health
from paas.cloud_controller.hear import ask_for_advertisements, hear_advertisements
from paas.cloud_controller.jobs.queue import CHANNEL, OUTBOX_CHANNEL
from paas.cloud_controller.jobs.worker import Worker
from paas.cloud_controller.listen import listen
from paas.cloud_controller.outbox.dispatch import Dispatcher
from paas.cloud_controller.placement.pool import DeaPool
from paas.cloud_controller.placement.stagers import StagerPool
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.registry import ENDPOINTS, WORKS
from paas.cloud_controller.roles.directory import Directory
from paas.cloud_controller.sealing import Sealer
from paas.cloud_controller.seed.start import seed
from paas.cloud_controller.tasks.end import Watcher
from paas.database.engine import Database
from paas.serve.http import serve
from paas.serve.process import unless_told
from paas.tokens.verify import Verifier

log = structlog.get_logger("cloud_controller")

SETTLE_SECONDS = 20
"""Uploads that were answered are put into the blobstore before the process ends, if that takes no longer."""


async def main(config: Config, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    Path(config.data).mkdir(parents=True, exist_ok=True)
    # forms with large files are written while they come in: to the data disk, not to a small /tmp
    tempfile.tempdir = config.data
    sealer = Sealer(config.encryption)
    migrations = Path(__file__).parent / "migrations"
    database = await unless_told(stop, Database.open(config.database, "cloud_controller", migrations))
    if database is None:
        return
    platform = Platform(
        config=config,
        database=database,
        verifier=Verifier(f"{config.uaa.base}/token_keys", config.uaa.ca),
        sealer=sealer,
        blobs=BlobStore(config.blobstore),
        deas=DeaPool(config.intervals.advertisement),
        stagers=StagerPool(config.intervals.advertisement),
        directory=Directory(config.uaa),
        brokers=Brokers(config.broker_timeout, config.broker_ca),
    )
    await seed(platform)
    wake, unsent = asyncio.Event(), asyncio.Event()
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(_bus(platform, unsent, stop))
            group.create_task(listen(config.database.url, {CHANNEL: wake, OUTBOX_CHANNEL: unsent}, stop))
            if "api" in config.roles:
                group.create_task(serve(application(platform, ENDPOINTS), config.listen, stop))
            if "worker" in config.roles:
                group.create_task(Worker(platform, WORKS, wake).run(stop))
                group.create_task(Dispatcher(platform, unsent).run(stop))
            if "clock" in config.roles:
                group.create_task(Mover(platform).run(stop))
                group.create_task(Cleaner(platform).run(stop))
                group.create_task(Watcher(platform, config.intervals.task, 3 * config.intervals.task).run(stop))
    finally:
        await platform.settled(SETTLE_SECONDS)
        if platform.connected_bus is not None:
            await platform.connected_bus.close()
        await platform.blobs.close()
        await platform.directory.close()
        await platform.brokers.close()
        await database.close()


async def _bus(platform: Platform, unsent: asyncio.Event, stop: asyncio.Event) -> None:
    """Connect, however late the bus comes; the API serves meanwhile."""

    async def back() -> None:
        if platform.connected_bus is not None and "worker" in platform.config.roles:
            await ask_for_advertisements(platform.connected_bus)
        unsent.set()

    name = f"cloud_controller-{platform.id[:8]}"
    bus = await unless_told(stop, Bus.connect(platform.config.bus, name, back))
    if bus is None:
        return
    if "worker" in platform.config.roles:
        await hear_advertisements(platform, bus)
        await hear_health(platform, bus)
    platform.connected_bus = bus
    unsent.set()
