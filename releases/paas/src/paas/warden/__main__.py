"""``python -m paas.warden --config FILE``."""

from __future__ import annotations

import asyncio
import sys

import structlog

from paas.serve.process import run
from paas.warden.config import WardenConfig
from paas.warden.keeper import Keeper
from paas.warden.programs import ProgramError
from paas.warden.server import Server

log = structlog.get_logger("warden")


async def main(config: WardenConfig, stop: asyncio.Event) -> None:
    """Find what runs, serve until told to end; containers go on without a warden."""
    keeper = Keeper(config)
    try:
        await keeper.begin()
        await Server(keeper).serve(config.socket, config.socket_group, stop)
    except ProgramError as error:
        log.error("cannot_serve", error=str(error))
        raise SystemExit(1) from None
    finally:
        keeper.end()


if __name__ == "__main__":
    sys.exit(run("warden", WardenConfig, main))
