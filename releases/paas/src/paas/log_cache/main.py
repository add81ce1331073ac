"""Starts the log cache: hears ``log.*`` and answers by HTTP."""

from __future__ import annotations

import asyncio
import contextlib
import time

import structlog

from paas.bus.client import Bus, Message
from paas.log_cache.access import Access
from paas.log_cache.api import Parts, application
from paas.log_cache.config import LogCacheConfig
from paas.log_cache.store import Store
from paas.messages.log import LogLines
from paas.serve.http import serve
from paas.serve.process import unless_told
from paas.tokens.verify import Verifier

log = structlog.get_logger("log_cache")

SUBJECT = "log."
SWEEP_SECONDS = 60


async def main(config: LogCacheConfig, stop: asyncio.Event) -> None:
    """Serve until `stop`."""
    config.check()
    store = Store(config.bounds)
    bus = await unless_told(stop, Bus.connect(config.bus, "log_cache"))
    if bus is None:
        return

    async def keep(message: Message[LogLines]) -> None:
        # who may publish is decided by subjects
        if message.body.app == message.subject.removeprefix(SUBJECT):
            store.add(message.body)
        else:
            log.warning("strange_lines", subject=message.subject)

    access = Access(Verifier(config.uaa.jwks_url, config.uaa.ca, config.uaa.issuer), config.cloud_controller)
    try:
        await bus.subscribe(f"{SUBJECT}*", LogLines, keep)
        await bus.flush()
        parts = Parts(store=store, access=access, hears=lambda: bus.connected, began=time.monotonic())
        sweeping = asyncio.create_task(_sweep(store, stop))
        log.info("serving", host=config.listen.host, port=config.listen.port)
        await serve(application(parts), config.listen, stop)
        await sweeping
    finally:
        await access.close()
        await bus.close()


async def _sweep(store: Store, stop: asyncio.Event) -> None:
    while not stop.is_set():
        store.forget_silent()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS):
                await stop.wait()
