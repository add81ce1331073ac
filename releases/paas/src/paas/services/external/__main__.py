"""``python3 -m paas.services.external --config FILE``: the broker of external services."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from paas.database.engine import Database
from paas.serve.http import serve
from paas.serve.process import run, unless_told
from paas.services.external.broker import ExternalBroker
from paas.services.external.config import ExternalConfig
from paas.services.osb.api import api
from paas.services.osb.catalog import Catalog


async def main(config: ExternalConfig, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    catalog = Catalog(config.services)
    migrations = Path(__file__).parent / "migrations"
    database = await unless_told(stop, Database.open(config.database, "service_broker", migrations))
    if database is None:
        return
    try:
        await serve(api(ExternalBroker(catalog, database), config.credentials), config.listen, stop)
    finally:
        await database.close()


if __name__ == "__main__":
    sys.exit(run("services.external", ExternalConfig, main))
