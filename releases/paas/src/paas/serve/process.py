"""Runs a component until it is told to end: SIGTERM and SIGINT set an event, faults at the start are one sentence."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import structlog

from paas.serve.config import ConfigError, config_argument, read_config

C = TypeVar("C")
R = TypeVar("R")


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


async def unless_told(stop: asyncio.Event, start: Coroutine[Any, Any, R]) -> R | None:
    """What `start` makes, which may wait long for a server to come; None where the component is told to end before."""
    starting = asyncio.create_task(start)
    ending = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((starting, ending), return_when=asyncio.FIRST_COMPLETED)
        return starting.result() if starting.done() else None
    finally:
        starting.cancel()
        ending.cancel()


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
