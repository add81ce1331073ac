"""What handlers, jobs and the clock work with: the database, the bus, blobs, seals."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field

from paas.blobs.store import BlobStore
from paas.bus.client import Bus
from paas.cloud_controller.api.errors import unavailable
from paas.cloud_controller.config import Config
from paas.cloud_controller.sealing import Sealer
from paas.database.engine import Database
from paas.tokens.verify import Verifier


@dataclass
class Platform:
    """One process's connections. The bus may come later than the API: until then what needs it is answered with 503."""

    config: Config
    database: Database
    verifier: Verifier
    sealer: Sealer
    blobs: BlobStore
    connected_bus: Bus | None = None
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """This process, as it names itself in leases."""

    @property
    def bus(self) -> Bus:
        """The bus; 503 where it is away."""
        if self.connected_bus is None or not self.connected_bus.connected:
            raise unavailable("The message bus is away. The request may be repeated once it is back.")
        return self.connected_bus
