"""Registers one component's routes again and again, while it is healthy."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import httpx2
import structlog

from paas.bus.client import Bus
from paas.messages.router import Register
from paas.registrar.config import Route

log = structlog.get_logger("registrar")


class Announcer:
    """Of one route. `interval` may change at any time."""

    def __init__(self, bus: Bus, route: Route, host: str, interval: float) -> None:
        self._bus = bus
        self._route = route
        self.interval = interval
        self._now = asyncio.Event()
        self._registered = False
        self._failed = 0
        self._message = Register(
            host=route.host or host,
            port=route.port,
            tls_port=route.tls_port,
            server_cert_domain_san=route.server_cert_domain_san,
            uris=route.uris,
            app=route.app,
            tags=route.tags,
            private_instance_id=route.private_instance_id,
        )
        context = ssl.create_default_context(cafile=route.health.ca) if route.health and route.health.ca else True
        self._http = httpx2.AsyncClient(verify=context)

    def at_once(self) -> None:
        """A router has asked."""
        self._now.set()

    async def run(self) -> None:
        """For ever; when cancelled, take the route off."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        try:
            while True:
                healthy = await self._healthy()
                now = loop.time()
                if healthy and (not self._registered or now >= due):
                    due = now + self.interval
                    await self._register()
                elif not healthy and self._registered:
                    log.warning("route_unhealthy", name=self._route.name)
                    await self._unregister()
                waits = [self._route.health.every] if self._route.health else []
                waits += [max(0, due - now)] if healthy else []
                if await self._asked_within(min(waits)):
                    due = loop.time()
        finally:
            if self._registered:
                await self._unregister()
            await self._http.aclose()

    async def _asked_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._now.wait()
            self._now.clear()
            return True
        return False

    async def _register(self) -> None:
        if not self._registered:
            self._registered = True
            log.info("route_registered", name=self._route.name, uris=self._route.uris)
        await self._bus.publish("router.register", self._message)

    async def _unregister(self) -> None:
        self._registered = False
        await self._bus.publish("router.unregister", self._message)
        await self._bus.flush()
        log.info("route_unregistered", name=self._route.name)

    async def _healthy(self) -> bool:
        """Whether it is to be registered: one answer is enough to begin, several faults in a row are needed to end."""
        health = self._route.health
        if health is None:
            return True
        try:
            answer = await self._http.get(health.url, timeout=health.timeout)
            good = answer.is_success
        except httpx2.HTTPError:
            good = False
        self._failed = 0 if good else self._failed + 1
        return good or (self._registered and self._failed < health.failures)
