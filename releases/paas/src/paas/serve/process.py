"""Runs a component until it is told to end: SIGTERM and SIGINT set an event, faults at the start are one sentence."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from paas.serve.config import ConfigError, config_argument, read_config

C = TypeVar("C")


def run(component: str, kind: type[C], main: Callable[[C, asyncio.Event], Awaitable[None]]) -> int:
    """Read ``--config FILE`` as `kind` and await ``main(config, stop)``; the process's exit status."""
    configure_log()
    try:
        config = read_config(config_argument(component, sys.argv[1:]), kind)
    except ConfigError as error:
        print(f"paas.{component}: {error}", file=sys.stderr)
        return 2

    async def guarded() -> None:
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for sign in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(sign, stop.set)
        await main(config, stop)

    try:
        asyncio.run(guarded())
    except ConfigError as error:
        print(f"paas.{component}: {error}", file=sys.stderr)
        return 2
    return 0


def configure_log() -> None:
    """One JSON object a line on standard output: what happened, when, and the facts."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(),
    )
