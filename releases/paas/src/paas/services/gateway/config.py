"""What a gateway is told."""

from __future__ import annotations

import msgspec

from paas.bus.client import BusConfig
from paas.database.config import DatabaseConfig
from paas.serve.http import Listen
from paas.services.osb.api import Credentials
from paas.services.osb.catalog import Offering


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`label`: the service on the bus; `offering`: what it is called by platforms. Times in seconds.

    `secrets` seal credentials in the database; a new one goes in front. `provision_seconds`, `bind_seconds`: how long a node may take.
    `node_seconds`: how long an announcement holds. `purge_unknown`: remove what nodes have and this gateway has no record of; they are
    reported in any case. `lease_seconds`: after a gateway has died another takes its operations up.
    """

    label: str
    offering: Offering
    listen: Listen
    credentials: Credentials
    bus: BusConfig
    database: DatabaseConfig
    secrets: list[str]
    provision_seconds: float = 60
    bind_seconds: float = 20
    node_seconds: float = 95
    discover_seconds: float = 2
    lease_seconds: float = 10
    check_seconds: float = 300
    purge_unknown: bool = False
