"""Simulated agents on a real bus, spoken to as a director speaks to agents."""

from __future__ import annotations

import asyncio
import json
import shutil
import tarfile
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from cpi import lock
from cpi.client import WorkerClient
from cpi.sim.launch import LOCK
from tests.e2e.loopback.blob_server import start_blob_server
from tests.e2e.loopback.bus import Bus, agent_user, standing_users, start_bus
from tests.e2e.loopback.certificates import Authority
from tests.e2e.loopback.talk import AgentRefused, Talk
from tests.programs import need
from tests.unit.cpi_sim.sim_world import stop_agents

pytestmark = pytest.mark.asyncio(loop_scope="module")
FAULTS = [
    {"kind": "never_boots", "nth": 2},
    {"kind": "agent_dies", "nth": 3, "seconds": 1},
    {"kind": "agent_error", "method": "run_script", "nth": 2, "message": "1 of 1 pre-start scripts failed."},
    {"kind": "agent_failing", "nth": 4},
]


@dataclass
class Bench:
    """A bus, a worker of the plugin, and the director's side of the bus."""

    directory: Path
    authority: Authority
    bus: Bus
    worker: WorkerClient
    talk: Talk
    stemcell: str = ""
    made: int = 0

    async def call(self, method: str, *arguments: Any) -> Any:
        agents = {"heartbeat": 0.2, "latency": {"stop": 300, "drain": 600_000}, "linger": 30}
        context = {"state_dir": str(self.directory / "cloud"), "agents": agents, "faults": FAULTS}
        return await self.worker.call(method, arguments, context, 30)

    def cert(self, name: str, common_name: str) -> dict[str, str]:
        certificate, key = self.authority.issue(name, common_name)
        return {
            "ca": self.authority.certificate.read_text(),
            "certificate": certificate.read_text(),
            "private_key": key.read_text(),
        }

    async def vm(self) -> tuple[str, str]:
        """A new VM; its CID and its agent's id."""
        self.made += 1
        agent = f"agent-{self.made}"
        cert = self.cert(agent, f"{agent}.bootstrap.agent.bosh-internal")
        blobstore = {"provider": "dav", "options": {"tls": {"cert": {"ca": cert["ca"]}}}}
        env = {"bosh": {"mbus": {"urls": [self.bus.url], "cert": cert}, "blobstores": [blobstore]}}
        networks = {"a": {"type": "manual", "ip": f"10.0.0.{self.made}"}}
        cid, _ = await self.call("create_vm", agent, self.stemcell, {}, networks, [], env)
        return cid, agent


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def bench(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Bench]:
    need("nats-server")
    directory = tmp_path_factory.mktemp("agents")
    authority = Authority(directory / "certs")
    bus = start_bus(directory / "nats", authority)
    users = [agent_user(f"agent-{number}", bootstrap=one) for number in range(1, 9) for one in (True, False)]
    bus.admit([*standing_users(), *users])
    worker = WorkerClient("sim")
    director = authority.issue("director", "default.director.bosh-internal")
    talk = await Talk.open(bus, authority.certificate, *director)
    made = Bench(directory, authority, bus, worker, talk)
    (directory / "image").write_bytes(b"image")
    try:
        made.stemcell = await made.call("create_stemcell", str(directory / "image"), {})
        yield made
    finally:
        await talk.close()
        await worker.close()
        stop_agents(directory / "cloud")
        bus.stop()


async def until(what: str, done: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < deadline, what
        await asyncio.sleep(0.02)


async def test_an_agent_of_each_fate(bench: Bench) -> None:
    """The one numbered 1 is well, 2 never boots, 3 dies after a second, the jobs of 4 do not come up."""
    (cid, well), (_, dark), (_, dying), (_, failing) = [await bench.vm() for _ in range(4)]
    talk = bench.talk
    await talk.wait_until_ready(well)
    assert (await talk.call(well, "info"))["meristem"]["push"] is True
    with pytest.raises(TimeoutError):
        await talk.call(dark, "ping", seconds=0.3)

    spec = {"deployment": "d", "job": {"name": "web", "templates": [{"name": "idle"}]}, "index": 0, "id": "i"}
    assert await talk.run(failing, "apply", spec) == "applied"
    assert await talk.call(failing, "start") == "started"
    assert (await talk.call(failing, "get_state"))["job_state"] == "failing"

    assert await talk.run(well, "apply", spec) == "applied"
    assert (await talk.call(well, "get_state"))["job_state"] == "failing", "its jobs were never started"
    began = time.monotonic()
    assert await talk.run(well, "stop") == "stopped"
    assert time.monotonic() - began >= 0.3
    assert await talk.call(well, "start") == "started"
    state = await talk.call(well, "get_state", "full")
    assert {key: state[key] for key in spec} == spec
    assert (state["job_state"], state["vm"], state["processes"][0]["name"]) == ("running", {"name": cid}, "idle")
    assert isinstance(state["vitals"]["mem"]["kb"], str)

    assert await talk.run(well, "run_script", "pre-start", {}) == {}
    with pytest.raises(AgentRefused, match="1 of 1 pre-start scripts failed"):
        await talk.run(well, "run_script", "pre-start", {})
    with pytest.raises(AgentRefused, match="unknown message dance"):
        await talk.call(well, "dance")
    await falls_silent(talk, dying)
    await bench.call("delete_vm", cid)
    await falls_silent(talk, well)


async def falls_silent(talk: Talk, agent: str) -> None:
    with pytest.raises(TimeoutError):
        for _ in range(200):
            await talk.call(agent, "ping", seconds=0.5)
            await asyncio.sleep(0.1)


async def test_keys_and_fences(bench: Bench) -> None:
    _, agent = await bench.vm()
    talk = bench.talk
    await talk.wait_until_ready(agent)
    first = await talk.call(agent, "drain", "shutdown", meristem={"fence": 5, "key": "k"})
    assert await talk.call(agent, "drain", "shutdown", meristem={"fence": 5, "key": "k"}) == first
    with pytest.raises(AgentRefused, match="stale fence 4, already at 5"):
        await talk.call(agent, "ping", meristem={"fence": 4})
    with pytest.raises(AgentRefused, match="Task with id none could not be found"):
        await talk.call(agent, "get_task", "none")


async def test_disks_and_a_restart_of_all_agents(bench: Bench) -> None:
    cid, agent = await bench.vm()
    talk, disk = bench.talk, await bench.call("create_disk", 64, {}, cid)
    await talk.wait_until_ready(agent)
    with pytest.raises(AgentRefused, match="is not attached"):
        await talk.run(agent, "mount_disk", disk)
    await talk.run(agent, "add_persistent_disk", disk, await bench.call("attach_disk", cid, disk))
    await talk.run(agent, "mount_disk", disk)
    stop_agents(bench.directory / "cloud")
    await bench.vm()  # the next VM brings the agents' process back
    await talk.wait_until_ready(agent)
    assert await talk.run(agent, "list_disk") == [disk]
    assert "Unmounted" in (await talk.run(agent, "unmount_disk", disk))["message"]


async def test_a_new_identity_reconnects(bench: Bench) -> None:
    _, agent = await bench.vm()
    talk = bench.talk
    await talk.wait_until_ready(agent)
    cert = bench.cert(f"{agent}-permanent", f"{agent}.agent.bosh-internal")
    assert await talk.run(agent, "update_settings", {"mbus": {"cert": cert}}) == "ok"
    users = [agent_user(f"agent-{number}", bootstrap=True) for number in range(1, 9) if f"agent-{number}" != agent]
    bench.bus.admit([*standing_users(), *users, agent_user(agent)])
    await talk.wait_until_ready(agent)


async def test_a_compiled_package_is_uploaded(bench: Bench) -> None:
    talk, agent = bench.talk, f"agent-{bench.made}"
    store = bench.directory / "blobs"
    store.mkdir()
    server = start_blob_server(store, bench.authority)
    try:
        request = {
            "name": "p", "version": "1", "digest": "", "deps": {}, "package_get_signed_url": server.sign("source"),
            "upload_signed_url": server.sign("made", "PUT"), "blobstore_headers": server.headers,
        }  # fmt: skip
        answer = await talk.run(agent, "compile_package_with_signed_url", request)
        assert answer["result"]["sha1"].startswith("sha256:")
        with tarfile.open(store / "made") as packed:
            assert packed.getnames() == ["./simulated"]
        request["upload_signed_url"] = server.sign("made")
        with pytest.raises(AgentRefused, match="answered 403"):
            await talk.run(agent, "compile_package_with_signed_url", request)
    finally:
        server.close()


async def test_heartbeats(bench: Bench) -> None:
    import ssl

    import nats

    certificate, key = bench.authority.issue("hm", "default.hm.bosh-internal")
    context = ssl.create_default_context(cafile=str(bench.authority.certificate))
    context.load_cert_chain(certificate, key)
    monitor, heard = await nats.connect(bench.bus.url, tls=context), list[dict[str, Any]]()

    async def on_beat(message: Any) -> None:
        heard.append({"subject": message.subject, **json.loads(message.data)})

    await monitor.subscribe("hm.agent.heartbeat.*", cb=on_beat)
    mine = f"hm.agent.heartbeat.agent-{bench.made}"
    await until("two heartbeats", lambda: sum(beat["subject"] == mine for beat in heard) >= 2)
    assert {"job_state", "vitals", "node_id", "deployment", "job", "index"} <= set(heard[-1])
    await monitor.close()


async def test_the_agents_of_a_removed_cloud_end(bench: Bench) -> None:
    cloud = bench.directory / "cloud"
    assert not lock.is_free(cloud / LOCK)
    cloud.rename(bench.directory / "removed")
    await until("the agents' process ends", lambda: lock.is_free(bench.directory / "removed" / LOCK))
    shutil.rmtree(bench.directory / "removed")
