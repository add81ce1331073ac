"""A whole director behind a real server on loopback: the real application, services, engine, store and secrets; cloud, agents and blobs are the
memory twins, and time passes only when somebody waits."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import httpx2 as httpx
import yaml

from director.adapters.listener import Address, Listener
from director.adapters.memory.agents import MemoryAgents
from director.adapters.memory.blobs import MemoryBlobs
from director.adapters.memory.clock import VirtualClock
from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.adapters.secrets import StoreSecrets
from director.adapters.store.sql import SqlStore, open_store
from director.adapters.task_log import StoreTaskLog
from director.adapters.templates import ErbTemplates
from director.api.app import create_app
from director.api.desk import Desk, User
from director.engine.ports import Ports
from director.engine.tasks import Runner
from director.service.handlers import URGENT, handlers
from director.service.house import House
from director.steps.step import Site
from tests.e2e.loopback.archives import build_stemcell
from tests.e2e.loopback.shop import build_shop, cloud_config, manifest
from tests.programs import need

T = TypeVar("T")

USERS = (
    User("admin", "secret"),
    User("reader", "secret", ("bosh.read",)),
    User("uploader", "secret", ("bosh.releases.upload",)),
    User("nobody", "secret", ()),
    User("member", "secret", ("bosh.teams.blue.admin",)),
)
OPEN = ("queued", "processing", "cancelling")


@dataclass
class Served:
    """The director and everything behind it. Calls into it from a test go through `on_loop`."""

    directory: Path
    cloud: MemoryCloud = field(default_factory=MemoryCloud)
    clock: VirtualClock = field(default_factory=VirtualClock)

    def start(self) -> None:
        self.clouds = MemoryClouds(self.cloud)
        (self.directory / "blobs").mkdir()
        (self.directory / "spool").mkdir()
        self.blobs = MemoryBlobs(self.directory / "blobs")
        self.agents = MemoryAgents(self.clouds, self.clock, self.blobs.receive)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="director", daemon=True)
        self._thread.start()
        self.port = self.on_loop(self._open())
        self._clients: dict[tuple[str, str], Client] = {}

    def client(self, user: str = "admin", password: str = "secret") -> Client:
        who = (user, password)
        if who not in self._clients:
            self._clients[who] = Client(self.port, who if user else None)
        return self._clients[who]

    def on_loop(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def stop(self) -> None:
        for client in self._clients.values():
            client.http.close()
        self.on_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    async def _open(self) -> int:
        self.store: SqlStore = await open_store(":memory:", poll=0.5)
        secrets = StoreSecrets(self.store, self.directory / "master.key", "served")
        self.templates = ErbTemplates()
        site = Site(name="served", uuid="5e4d", mbus="nats://127.0.0.1:4222", agent_wait_timeout=5)
        self.house = House(
            store=self.store,
            clouds=self.clouds,
            agents=self.agents,
            blobs=self.blobs,
            secrets=secrets,
            templates=self.templates,
            clock=self.clock,
            site=site,
            spool=self.directory / "spool",
        )
        self.runner = Runner(
            Ports(self.store, self.clouds, self.agents, self.blobs, secrets, self.clock, site),
            handlers(self.house),
            lambda task: StoreTaskLog(self.store, task, self.clock, delay=0.01),
            owner="served#1",
            urgent=URGENT,
        )
        certificates = (self.directory / "own.pem",)
        desk = Desk(self.house, self.runner, USERS, cpi="memory", certificates=certificates)
        self._listener = Listener(create_app(desk), Address("127.0.0.1", 0))
        await self._listener.start()
        await self.runner.start()
        return self._listener.port

    async def _close(self) -> None:
        await self.runner.stop(grace=1)
        await self._listener.stop()
        await self.templates.close()
        await self.agents.close()
        await self.store.close()


class Client:
    """One user's requests."""

    def __init__(self, port: int, auth: tuple[str, str] | None) -> None:
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", auth=auth, timeout=60)

    def __call__(self, method: str, path: str, **more: Any) -> httpx.Response:
        answer = self.http.request(method, path, **more)
        assert answer.status_code < 500, f"{method} {path} {more}: {answer.status_code} {answer.text}"
        return answer

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of a list or an object."""
        answer = self("GET", path, params=query)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def error(self, method: str, path: str, **more: Any) -> tuple[int, int, str]:
        """Status, code and description of a refused request."""
        answer = self(method, path, **more)
        assert answer.status_code >= 400, answer.text
        body = answer.json()
        assert set(body) == {"code", "description"}
        return answer.status_code, body["code"], body["description"]

    def task(self, method: str, path: str, **more: Any) -> int:
        """The id of the task that a request made."""
        answer = self(method, path, **more)
        assert answer.status_code == 302, f"{answer.status_code} {answer.text}"
        assert answer.content == b""
        location = answer.headers["location"]
        assert location.startswith("/tasks/")
        return int(location.removeprefix("/tasks/"))

    def wait(self, id: int, expect: str = "done") -> dict[str, Any]:
        deadline = time.monotonic() + 60
        while (task := self.get(f"/tasks/{id}"))["state"] in OPEN:
            assert time.monotonic() < deadline, f"task {id} is still {task['state']}\n{self.output(id, 'debug')}"
            time.sleep(0.02)
        assert task["state"] == expect, f"{task}\n{self.output(id, 'debug')[-6000:]}"
        return task

    def run(self, method: str, path: str, expect: str = "done", **more: Any) -> dict[str, Any]:
        """A task to its end."""
        return self.wait(self.task(method, path, **more), expect)

    def output(self, id: int, kind: str) -> str:
        return self("GET", f"/tasks/{id}/output", params={"type": kind}).text

    def events(self, id: int) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.output(id, "event").splitlines()]

    def stages(self, id: int) -> list[str]:
        return list(dict.fromkeys(one["stage"] for one in self.events(id) if "stage" in one))

    def upload(self, kind: str, path: Path, **query: str) -> dict[str, Any]:
        headers = {"content-type": "application/x-compressed"}
        return self.run("POST", f"/{kind}", content=path.read_bytes(), headers=headers, params=query)

    def yaml(self, method: str, path: str, document: Any, **query: str) -> httpx.Response:
        text = document if isinstance(document, str) else yaml.safe_dump(document, sort_keys=False)
        return self(method, path, content=text, headers={"content-type": "text/yaml"}, params=query)

    def deploy(self, document: dict[str, Any], expect: str = "done", **query: str) -> dict[str, Any]:
        answer = self.yaml("POST", "/deployments", document, **query)
        assert answer.status_code == 302, answer.text
        return self.wait(int(answer.headers["location"].rpartition("/")[2]), expect)


def stock(client: Client, directory: Path) -> None:
    """A stemcell, two versions of the release `shop`, a cloud config."""
    need("ruby")
    client.upload("stemcells", build_stemcell(directory / "stemcell.tgz", api_version=3, formats=("memory",)))
    for version in ("1.0", "1.1"):
        client.upload("releases", build_shop(directory / f"shop-{version}.tgz", version))
    body = {"type": "cloud", "name": "default", "content": yaml.safe_dump(cloud_config())}
    assert client("POST", "/configs", json=body).status_code == 201


def shop(name: str = "shop", **more: Any) -> dict[str, Any]:
    """A manifest whose watch times suit a cloud without time."""
    document = manifest(name, **more)
    document["update"] |= {"canary_watch_time": "1-1000", "update_watch_time": "1-1000"}
    return document
