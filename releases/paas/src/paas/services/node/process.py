"""Runs a node: the record, the service, the bus, and ``/healthz``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from paas.bus.client import Bus
from paas.sealing.box import Box
from paas.serve.http import serve
from paas.serve.process import run, unless_told
from paas.services.node.agent import Agent
from paas.services.node.config import NodeConfig
from paas.services.node.ledger import Ledger
from paas.services.node.service import Service

C = TypeVar("C", bound=NodeConfig)


def run_node(label: str, config: type[C], service: Callable[[C], Service]) -> int:
    """The process of a node of the service `label`; its exit status."""

    async def main(given: C, stop: asyncio.Event) -> None:
        await serve_node(label, given, service(given), stop)

    return run(f"{label}_node", config, main)


async def serve_node(label: str, config: NodeConfig, service: Service, stop: asyncio.Event) -> None:
    """A node until `stop`: first its instances serve, then it is announced."""
    ledger = Ledger(Path(config.directory, "instances"), Box(config.secrets))
    await service.start([one for one in ledger.all() if one.made])
    try:
        bus = await unless_told(stop, Bus.connect(config.bus, f"{label}_node {config.id}"))
        if bus is None:
            return
        try:
            agent = Agent(label, config, service, ledger, bus)
            await agent.listen()
            async with asyncio.TaskGroup() as group:
                group.create_task(agent.announce_until(stop))
                group.create_task(serve(_health(bus), config.health, stop))
        finally:
            await bus.close()
    finally:
        await service.stop()


def _health(bus: Bus) -> Starlette:
    async def healthz(_: Request) -> Response:
        return PlainTextResponse("ok\n") if bus.connected else PlainTextResponse("the bus is away\n", 503)

    return Starlette(routes=[Route("/healthz", healthz)])
