"""The log cache as it is run: lines come over a real bus, readers ask by HTTP, the cloud controller says who may read."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
from paas.bus.client import Bus, BusConfig
from paas.messages.log import LogLine, LogLines

from lab.ports import free_port
from tests.paas.bus.nats_server import NatsServer
from tests.paas.log_cache.app_registry import AppRegistry
from tests.paas.tokens.token_issuer import Issuer

ROOT = Path(__file__).parents[3]
APP = "0bd1ad4f-9f0c-4c65-8f5b-6d6a52b8a3f1"
ANCIENT = str(-6795364578871345152)
"""What the CLI asks from where it wants all there is."""


@dataclass
class World:
    """All that the log cache works with."""

    bus: Bus
    nats: NatsServer
    issuer: Issuer
    registry: AppRegistry
    http: httpx2.AsyncClient
    log: Path
    at: int = field(default_factory=time.time_ns)

    def token(self, *apps: str, **claims: Any) -> dict[str, str]:
        """The header of a user who may read these apps."""
        token = self.issuer.token(**{"jti": secrets.token_hex(8), **claims})
        self.registry.readers[token] = list(apps)
        return {"Authorization": f"bearer {token}"}

    async def write(self, app: str, *texts: str, source: str = "APP/PROC/WEB", stream: Any = "OUT") -> list[int]:
        """Lines, each later than all before; returns their times."""
        times = [self.at + n + 1 for n in range(len(texts))]
        self.at = times[-1]
        lines = [LogLine(at=at, text=text, stream=stream) for at, text in zip(times, texts, strict=True)]
        await self.bus.publish(f"log.{app}", LogLines(app=app, source=source, instance="3", lines=lines))
        await self.bus.flush()
        return times

    async def read(self, app: str, headers: dict[str, str], path: str = "/api/v1/read", **query: Any) -> list[Any]:
        """The batch."""
        answer = await self.http.get(f"{path}/{app}", params={"start_time": ANCIENT, **query}, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.json()["envelopes"]["batch"]

    async def until(self, app: str, headers: dict[str, str], count: int) -> list[Any]:
        """The batch, once it has so many: what was published is on its way."""
        deadline = time.monotonic() + 30
        while len(batch := await self.read(app, headers, limit=1000)) < count:
            assert time.monotonic() < deadline, batch
            await asyncio.sleep(0.01)
        return batch


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    issuer, registry, port = Issuer(), AppRegistry(), free_port()
    issuer.add("one")
    with NatsServer.running(tmp_path) as nats:
        async with issuer.running(), registry.running():
            config = {
                "listen": {"port": port},
                "bus": {"servers": [nats.url]},
                "uaa": {"jwks_url": f"{issuer.url}/token_keys", "issuer": issuer.url},
                "cloud_controller": {"url": registry.url, "seconds": 600, "refusal_seconds": 0},
                "bounds": {"lines": 1500},
            }
            (tmp_path / "config.json").write_text(json.dumps(config))
            words = ["setpriv", "--pdeathsig=KILL", sys.executable, "-m", "paas.log_cache"]
            environment = {**os.environ, "PYTHONPATH": str(ROOT / "releases/paas/src")}
            with (tmp_path / "log").open("wb") as out:
                process = subprocess.Popen(
                    [*words, "--config", str(tmp_path / "config.json")], stdout=out, stderr=out, env=environment
                )
            bus = await Bus.connect(BusConfig(servers=[nats.url]), "test")
            http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)
            try:
                await _healthy(http, process, tmp_path / "log")
                yield World(bus, nats, issuer, registry, http, tmp_path / "log")
                process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(process.wait, 30) == 0, (tmp_path / "log").read_text()
            finally:
                process.kill()
                await http.aclose()
                await bus.close()


async def _healthy(http: httpx2.AsyncClient, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            if (await http.get("/healthz")).status_code == 200:
                return
        except httpx2.TransportError:
            pass
        assert process.poll() is None and time.monotonic() < deadline, log.read_text()
        await asyncio.sleep(0.05)


async def test_lines_come_out_as_they_went_in(world: World) -> None:
    info = (await world.http.get("/api/v1/info")).json()
    assert info["version"] == "3.0.0" and int(info["vm_uptime"]) >= 0
    headers = world.token(APP)
    times = await world.write(APP, "one", "zwei \u2603")
    times += await world.write(APP, "oops", source="STG", stream="ERR")
    batch = await world.until(APP, headers, 3)
    assert [int(one["timestamp"]) for one in batch] == times
    assert [base64.b64decode(one["log"]["payload"]).decode() for one in batch] == ["one", "zwei \u2603", "oops"]
    assert [one["log"]["type"] for one in batch] == ["OUT", "OUT", "ERR"]
    assert [one["tags"]["source_type"] for one in batch] == ["APP/PROC/WEB", "APP/PROC/WEB", "STG"]
    assert {(one["source_id"], one["instance_id"]) for one in batch} == {(APP, "3")}
    # as the CLI reads: the newest first, then on from there
    newest = await world.read(APP, headers, limit=1, descending="true", envelope_types="LOG")
    assert newest == batch[-1:]
    assert await world.read(APP, headers, start_time=times[0] + 1, end_time=times[2], limit=1000) == batch[1:2]
    assert await world.read(APP, headers, start_time=times[2] + 1) == []
    assert await world.read(APP, headers, path="/v1/read") == batch
    assert await world.read(APP, headers, envelope_types="GAUGE") == []
    assert await world.read("quiet", world.token("quiet")) == []


async def test_many_lines_are_bounded_and_paged(world: World) -> None:
    headers = world.token(APP)
    for turn in range(20):
        await world.write(APP, *(f"{turn}-{n}" for n in range(100)))
    await world.write(APP, "last")
    seen: list[str] = []
    deadline = time.monotonic() + 30
    while not seen or seen[-1] != "last":
        seen, start = [], ANCIENT
        while batch := await world.read(APP, headers, start_time=start, limit=1000):
            seen += [base64.b64decode(one["log"]["payload"]).decode() for one in batch]
            start = str(int(batch[-1]["timestamp"]) + 1)
        assert time.monotonic() < deadline
    assert len(seen) == 1500 and seen[-2] == "19-99"
    assert len(await world.read(APP, headers)) == 100


async def test_who_may_not_read_is_refused(world: World) -> None:
    await world.write(APP, "secret")
    await world.until(APP, world.token(APP), 1)

    async def status(headers: dict[str, str] | None, app: str = APP) -> tuple[int, int]:
        answer = await world.http.get(f"/api/v1/read/{app}", headers=headers)
        assert "secret" not in answer.text
        body = answer.json()
        assert body["message"]
        return answer.status_code, body["code"]

    expired = world.token(APP, exp=int(time.time()) - 1)
    assert await status(None) == (401, 16)
    assert await status({"Authorization": "Basic x"}) == (401, 16)
    assert await status({"Authorization": "bearer x"}) == (401, 16)
    assert await status(expired) == (401, 16)
    assert await status(world.token("another", user_id="stranger")) == (404, 5)
    for strange in ("..%2f..%2fv3%2forganizations", "a/b", "", "%00", "x" * 129):
        assert await status(world.token(strange), strange) == (404, 5)
    assert set(world.registry.asked) == {f"/v3/apps/{APP}"}
    world.registry.status = 401
    assert await status(world.token(APP, jti="refused by the cloud controller")) == (401, 16)
    world.registry.status = 500
    assert await status(world.token(APP, jti="not answered")) == (503, 14)
    log = world.log.read_text()
    assert "eyJ" not in log and "Traceback" not in log


async def test_the_cloud_controller_is_asked_once_for_many_readers(world: World) -> None:
    await world.write(APP, "x")
    headers = world.token(APP)
    await asyncio.gather(*(world.read(APP, headers) for _ in range(20)))
    assert world.registry.asked[f"/v3/apps/{APP}"] == 1
    refused = world.token()
    for _ in range(2):
        assert (await world.http.get(f"/api/v1/read/{APP}", headers=refused)).status_code == 404
    assert world.registry.asked[f"/v3/apps/{APP}"] == 3


async def test_those_who_may_read_all_need_no_question(world: World) -> None:
    await world.write(APP, "x")
    everything = world.token(scope=["doppler.firehose"])
    await world.until(APP, everything, 1)
    assert not world.registry.asked


async def test_meta_counts_what_one_may_read(world: World) -> None:
    times = await world.write("app-a", "x", "y")
    await world.write("app-b", "x")
    await world.write("app-c", "x")
    everything = world.token(scope=["logs.admin"])
    await world.until("app-c", everything, 1)
    assert set((await world.http.get("/api/v1/meta", headers=everything)).json()["meta"]) == {"app-a", "app-b", "app-c"}
    some = (await world.http.get("/api/v1/meta", headers=world.token("app-a", "gone", "app-b"))).json()["meta"]
    assert set(some) == {"app-a", "app-b"}
    assert some["app-a"] == {
        "count": "2",
        "expired": "0",
        "oldest_timestamp": str(times[0]),
        "newest_timestamp": str(times[1]),
    }
    assert (await world.http.get("/api/v1/meta")).status_code == 401


async def test_questions_that_cannot_be(world: World) -> None:
    headers = world.token(APP)
    for query in (
        "start_time=x",
        "start_time=1e9",
        "start_time=99999999999999999999",
        "end_time=--1",
        "limit=1001",
        "limit=-1",
        "limit=\u0663",
        "start_time=5&end_time=4",
        "descending=perhaps",
        "envelope_types=SONG",
    ):
        answer = await world.http.get(f"/api/v1/read/{APP}?{query}", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, 3), query
    assert (await world.http.get("/api/v1/nothing")).status_code == 404
    assert (await world.http.post("/api/v1/info")).status_code == 405


async def test_bad_and_strange_messages_are_passed_over_and_a_lost_bus_is_told(world: World) -> None:
    headers = world.token(APP)
    await world.bus.publish(f"log.{APP}", {"app": APP})
    await world.bus.publish(f"log.{APP}", LogLines(app="another", source="STG", lines=[LogLine(at=1, text="x")]))
    await world.write(APP, "good")
    assert len(await world.until(APP, headers, 1)) == 1
    assert await world.read("another", world.token("another")) == []
    world.nats.stop()
    deadline = time.monotonic() + 30
    while (await world.http.get("/healthz")).status_code != 503:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.02)
    assert len(await world.read(APP, headers)) == 1, "what was heard can be read"
    world.nats.start()
    while (await world.http.get("/healthz")).status_code != 200:
        assert time.monotonic() < deadline + 30
        await asyncio.sleep(0.02)
    await world.write(APP, "after")
    await world.until(APP, headers, 2)
