"""Starts UAA: database, configured users and groups, HTTP."""

from __future__ import annotations

import asyncio
from pathlib import Path

import structlog

from paas.database.engine import Database
from paas.serve.http import serve
from paas.serve.process import unless_told
from paas.uaa.api.app import application
from paas.uaa.bootstrap import bootstrap
from paas.uaa.config import UaaConfig
from paas.uaa.keys import SigningKeys
from paas.uaa.passwords import Passwords
from paas.uaa.revocation import sweep
from paas.uaa.service import Uaa

log = structlog.get_logger("uaa")

MIGRATIONS = Path(__file__).parent / "migrations"


async def main(config: UaaConfig, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    config.check()
    keys = SigningKeys(config)
    passwords = Passwords(config.hashing)
    database = await unless_told(stop, Database.open(config.database, "uaa", MIGRATIONS))
    if database is None:
        return
    try:
        uaa = Uaa.build(config, keys, database, passwords)
        await bootstrap(config, database, passwords)
        sweeping = asyncio.create_task(sweep(database, stop))
        log.info("serving", host=config.listen.host, port=config.listen.port)
        await serve(application(uaa), config.listen, stop)
        await sweeping
    finally:
        await database.close()
        passwords.close()
