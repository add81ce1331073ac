"""What handlers, jobs and the clock work with: the database, the bus, blobs, seals."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from paas.blobs.store import BlobStore
from paas.bus.client import Bus
from paas.cloud_controller.api.errors import unavailable
from paas.cloud_controller.broker.client import Brokers
from paas.cloud_controller.config import Config
from paas.cloud_controller.placement.pool import DeaPool
from paas.cloud_controller.placement.stagers import StagerPool
from paas.cloud_controller.roles.directory import Directory
from paas.cloud_controller.sealing import Sealer
from paas.database.engine import Database
from paas.tokens.verify import Verifier

log = structlog.get_logger("platform")


@dataclass
class Platform:
    """One process's connections. The bus may come later than the API: until then what needs it is answered with 503."""

    config: Config
    database: Database
    verifier: Verifier
    sealer: Sealer
    blobs: BlobStore
    deas: DeaPool
    stagers: StagerPool
    directory: Directory
    brokers: Brokers
    connected_bus: Bus | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """This process, as it names itself in leases."""

    tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    def background(self, work: Coroutine[Any, Any, None]) -> None:
        """Have work done after the answer; its faults are logged."""

        async def run() -> None:
            try:
                await work
            except Exception:
                log.exception("background_fault")

        task = asyncio.create_task(run())
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def settled(self, seconds: float) -> None:
        """Until what runs in the background has ended, at most so long."""
        if self.tasks:
            await asyncio.wait(self.tasks, timeout=seconds)

    @property
    def bus(self) -> Bus:
        """The bus; 503 where it is away."""
        if self.connected_bus is None or not self.connected_bus.connected:
            raise unavailable("The message bus is away. The request may be repeated once it is back.")
        return self.connected_bus
