"""``python3 -m paas.services.gateway --config FILE``: the gateway of one service."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from paas.bus.client import Bus
from paas.database.engine import Database
from paas.sealing.box import Box
from paas.serve.http import serve
from paas.serve.process import run, unless_told
from paas.services.gateway.config import GatewayConfig
from paas.services.gateway.gateway import Gateway
from paas.services.gateway.nodes import Nodes
from paas.services.gateway.operations import Operations
from paas.services.gateway.orphans import Orphans
from paas.services.gateway.south import South
from paas.services.osb.api import api
from paas.services.osb.catalog import Catalog


async def main(config: GatewayConfig, stop: asyncio.Event) -> None:
    """Serve until `stop`; what is under way then is taken up by another gateway, or the next start."""
    catalog, box = Catalog([config.offering]), Box(config.secrets)
    component = f"{config.label}_gateway"
    migrations = Path(__file__).parent / "migrations"
    database = await unless_told(stop, Database.open(config.database, component, migrations))
    if database is None:
        return
    bus = await unless_told(stop, Bus.connect(config.bus, component))
    if bus is None:
        await database.close()
        return
    try:
        south = South(config, bus)
        orphans = Orphans(config, database, bus, south)
        nodes = Nodes(config.label, bus, config.node_seconds, orphans.heard)
        operations = Operations(config, catalog, database, south, nodes, orphans)
        gateway = Gateway(catalog, database, bus, south, operations, orphans, box, config.bind_seconds)
        await nodes.listen()
        async with asyncio.TaskGroup() as group:
            background = [group.create_task(work()) for work in (operations.work, orphans.work, orphans.check)]
            await serve(api(gateway, config.credentials), config.listen, stop)
            for task in background:
                task.cancel()
    finally:
        await bus.close()
        await database.close()


if __name__ == "__main__":
    sys.exit(run("services.gateway", GatewayConfig, main))
