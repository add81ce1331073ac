"""A health manager as a process, with a bus, what it reads from the cloud controller, and DEAs that beat on the bus."""

from __future__ import annotations

import asyncio
import base64
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import msgspec
from paas.bus.client import Bus, BusConfig, Message
from paas.database.config import DatabaseConfig
from paas.health_manager.config import Config, Timings
from paas.messages.dea import Beat, Heartbeat, Nothing
from paas.messages.health import BulkCredentials, Desired, HealthStart, HealthStop
from paas.serve.http import Listen, serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from lab.ports import free_port

PATIENCE = 30
TIMINGS = Timings(
    desired_every=1,
    analysis_every=1,
    lost=5,
    silence=3,
    desired_lost=30,
    min_delay=3,
    max_delay=6,
    noise=0,
    crashes_apart=60,
)
"""Short, but a process may stand still for a second and a half."""


@dataclass
class Controller:
    """What a health manager reads over HTTP; `pages` counts, `fail`: so many answers are 500."""

    port: int = field(default_factory=free_port)
    password: str = "first"
    wanted: dict[str, Desired] = field(default_factory=dict[str, Desired])
    pages: int = 0
    fail: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def want(self, app: str, instances: int = 1, version: str = "v1", state: str = "STARTED") -> None:
        self.wanted[app] = Desired(
            id=app, instances=instances, state=state, memory=64, package_state="STAGED", version=version, updated_at=7
        )

    async def credentials(self, message: Message[Nothing]) -> None:
        await message.respond(BulkCredentials(user="bulk", password=self.password))

    async def apps(self, request: Request) -> Response:
        self.pages += 1
        if self.fail:
            self.fail -= 1
            return Response("no", 500)
        expected = base64.b64encode(f"bulk:{self.password}".encode()).decode()
        if request.headers.get("authorization") != f"Basic {expected}":
            return Response("no", 401)
        first = msgspec.json.decode(request.query_params["bulk_token"])["id"]
        size = int(request.query_params["batch_size"])
        page = dict(list(self.wanted.items())[first : first + size])
        body = {"results": page, "bulk_token": {"id": first + len(page)}}
        return Response(msgspec.json.encode(body), media_type="application/json")

    @asynccontextmanager
    async def serving(self, bus: Bus) -> AsyncIterator[Controller]:
        await bus.subscribe("cloudcontroller.bulk.credentials.default", Nothing, self.credentials)
        stop, started = asyncio.Event(), asyncio.Event()
        app = Starlette(routes=[Route("/bulk/apps", self.apps)])
        task = asyncio.create_task(serve(app, Listen(port=self.port), stop, started))
        await asyncio.wait_for(started.wait(), PATIENCE)
        try:
            yield self
        finally:
            stop.set()
            await task


@dataclass
class Deas:
    """DEAs that beat three times a second, and what the health manager asked for."""

    bus: Bus
    instances: dict[str, dict[str, Beat]] = field(default_factory=dict[str, dict[str, Beat]])
    starts: asyncio.Queue[HealthStart] = field(default_factory=asyncio.Queue[HealthStart])
    stops: asyncio.Queue[HealthStop] = field(default_factory=asyncio.Queue[HealthStop])
    asked: asyncio.Queue[None] = field(default_factory=asyncio.Queue[None])

    def run(self, dea: str, app: str, index: int, version: str = "v1") -> str:
        guid = f"{app}-{version}-{index}-{dea}"
        self.instances.setdefault(dea, {})[guid] = Beat(
            droplet=app, version=version, instance=guid, index=index, state="RUNNING", state_timestamp=1
        )
        return guid

    async def _beat(self) -> None:
        while True:
            for dea, beats in list(self.instances.items()):
                await self.bus.publish("dea.heartbeat", Heartbeat(dea=dea, droplets=list(beats.values())))
            await asyncio.sleep(0.3)

    @asynccontextmanager
    async def beating(self) -> AsyncIterator[Deas]:
        async def start(message: Message[HealthStart]) -> None:
            await self.starts.put(message.body)

        async def stop(message: Message[HealthStop]) -> None:
            await self.stops.put(message.body)

        async def asked(_: Message[Nothing]) -> None:
            await self.asked.put(None)

        await self.bus.subscribe("health.start", HealthStart, start, "cc")
        await self.bus.subscribe("health.stop", HealthStop, stop, "cc")
        await self.bus.subscribe("healthmanager.start", Nothing, asked)
        await self.bus.flush()
        task = asyncio.create_task(self._beat())
        try:
            yield self
        finally:
            task.cancel()


@dataclass
class Manager:
    """The process."""

    process: subprocess.Popen[bytes]
    url: str
    log: Path

    async def figures(self) -> dict[str, float]:
        """Its metrics by name, without their common beginning; none where it does not answer yet."""
        async with httpx2.AsyncClient(timeout=PATIENCE) as client:
            try:
                text = (await client.get(f"{self.url}/metrics")).text
            except httpx2.TransportError:
                return {}
        pairs = (line.split(" ") for line in text.splitlines() if not line.startswith("#"))
        return {name.removeprefix("health_manager_"): float(value) for name, value in pairs}

    async def until(self, **wanted: float) -> None:
        """Its metrics are these."""
        try:
            async with asyncio.timeout(PATIENCE):
                while not wanted.items() <= (found := await self.figures()).items():
                    assert self.process.poll() is None
                    await asyncio.sleep(0.1)
        except (TimeoutError, AssertionError):
            raise AssertionError(f"{wanted} not reached: {found}; {self.log.read_text()[-3000:]}") from None

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(PATIENCE)


@contextmanager
def manager(
    directory: Path, bus: str, controller: Controller, name: str = "hm", database: DatabaseConfig | None = None
) -> Iterator[Manager]:
    """As long as the block."""
    port = free_port()
    config = Config(
        nats=BusConfig(servers=[bus]),
        bulk_urls=[f"http://127.0.0.1:{free_port()}", controller.url],  # nobody is at the first
        batch=2,
        timings=TIMINGS,
        listen=Listen(port=port),
        database=database,
        lease_seconds=4,
    )
    path, log = directory / f"{name}.json", directory / f"{name}.log"
    path.write_bytes(msgspec.json.encode(config))
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "paas.health_manager", "--config", path], stdout=output, stderr=output
        )
    try:
        yield Manager(process, f"http://127.0.0.1:{port}", log)
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    assert "Traceback" not in log.read_text()
