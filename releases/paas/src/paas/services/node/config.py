"""What every node is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from paas.bus.client import BusConfig
from paas.serve.http import Listen

ANNOUNCE_SECONDS = 30


class NodeConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`id`: unique in the service, no dots; `capacity` in MB; `plans`: those it takes, none means all.

    `host`: where apps reach it. `directory`: of the record and the service's data, on a disk that stays.
    `ca`: the certificate of the authority that signed the node's own; apps get it with their credentials.
    `secrets`: seal the record; a new one goes in front. `health`: where ``/healthz`` is served.
    """

    id: str
    host: str
    capacity: int
    directory: str
    secrets: list[str]
    bus: BusConfig
    health: Listen
    plans: list[str] = []
    zone: str = ""
    ca: str = ""
    announce_seconds: float = ANNOUNCE_SECONDS

    def trust(self) -> dict[str, Any]:
        """What apps check the node's certificate by, where it speaks TLS."""
        return {"ca": Path(self.ca).read_text()} if self.ca else {}
