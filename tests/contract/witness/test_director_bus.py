"""The director's own bus adapter with both agents: admission, identities, long actions across a restart, heartbeats."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest

from director.adapters.bus.admission import FileAdmission
from director.adapters.bus.agents import NatsAgents
from director.adapters.bus.connection import BusIdentity
from director.adapters.bus.identities import Identities
from director.adapters.bus.users import UsersFile
from director.model.errors import AgentError, AgentTimeout
from tests.contract.witness.conftest import Bench


def bus_identity(bench: Bench, name: str) -> BusIdentity:
    certificate, key = bench.authority.issue(name, f"default.{name}.bosh-internal")
    return BusIdentity(server_ca=bench.authority.certificate, certificate=certificate, private_key=key)


@pytest.fixture
async def agents(bench: Bench) -> AsyncIterator[NatsAgents]:
    identities = Identities.load(
        client_ca=bench.authority.certificate, client_ca_key=bench.authority.key, server_ca=bench.authority.certificate
    )
    users = UsersFile(bench.bus.users, bench.bus.pid_file)
    adapter = NatsAgents(
        bench.bus.url,
        bus_identity(bench, "director"),
        identities,
        monitor=bus_identity(bench, "hm"),
        users=FileAdmission(users),
    )
    await adapter.start()
    try:
        yield adapter
    finally:
        await adapter.close()


async def boot(bench: Bench, agents: NatsAgents) -> tuple[str, str]:
    """As a director does: let it in, give it a bootstrap certificate, create the VM."""
    agent_id = str(uuid.uuid4())
    await agents.admit([agent_id])
    identity = await agents.identity(agent_id, bootstrap=True)
    cert = {"ca": identity.ca, "certificate": identity.certificate, "private_key": identity.private_key}
    blobstore = {"provider": "local", "options": {"blobstore_path": str(bench.blobs)}}
    stemcell = bench.cloud.call("create_stemcell", __file__, {})
    env = {"bosh": {"mbus": {"cert": cert}, "blobstores": [blobstore]}}
    cid, _ = bench.cloud.call("create_vm", agent_id, stemcell, {}, {}, [], env)
    await agents.wait_until_ready(agent_id, 30)
    return agent_id, cid


async def heard(agents: NatsAgents, agent_id: str) -> bool:
    """Whether the agent answers, or is on the bus at least."""
    try:
        await agents.call(agent_id, "ping", timeout=1)
    except AgentTimeout:
        return (await agents.sightings({agent_id: []}))[agent_id].there is not False
    return True


async def test_admitted_rotated_expelled(bench: Bench, agents: NatsAgents) -> None:
    agent_id, cid = await boot(bench, agents)
    identity = await agents.identity(agent_id, bootstrap=False)
    cert = {"ca": identity.ca, "certificate": identity.certificate, "private_key": identity.private_key}
    settings = {"trusted_certs": "", "disk_associations": [], "mbus": {"cert": cert}}
    seen: list[str] = []
    assert await agents.run(agent_id, "update_settings", settings, timeout=60, started=seen.append) == "ok"
    assert len(seen) == 1
    state = await agents.call(agent_id, "get_state")
    assert state["agent_id"] == agent_id
    with pytest.raises(AgentError, match=r"unknown message no_such_action"):
        await agents.call(agent_id, "no_such_action")
    await agents.expel([agent_id])
    async with asyncio.timeout(30):  # the server reads its users some time after the signal
        while await heard(agents, agent_id):
            await asyncio.sleep(0.05)
    bench.cloud.call("delete_vm", cid)


async def test_the_monitor_hears_heartbeats(bench: Bench, agents: NatsAgents) -> None:
    agent_id, cid = await boot(bench, agents)
    # the stock agent drops its first heartbeat when it is not connected yet; the next comes after 30 s
    for _ in range(900):
        if heard := agents.heartbeat(agent_id):
            break
        await asyncio.sleep(0.1)
    else:
        pytest.fail("no heartbeat within 90 s of the agent's start")
    assert (heard["deployment"], heard["job"], heard["index"]) == ("", None, None)
    assert isinstance(heard["vitals"]["cpu"]["user"], str)
    bench.cloud.call("delete_vm", cid)
    await agents.expel([agent_id])


async def test_a_task_is_adopted_by_its_id(bench: Bench, agents: NatsAgents) -> None:
    agent_id, cid = await boot(bench, agents)
    ids: list[str] = []
    assert await agents.run(agent_id, "stop", started=ids.append, timeout=30) == "stopped"
    assert await agents.run(agent_id, "stop", adopt=ids[0], timeout=30) == "stopped"
    assert await agents.run(agent_id, "stop", adopt="forgotten", started=ids.append, timeout=30) == "stopped"
    assert len(ids) == 2, "a forgotten task was not asked for again"
    bench.cloud.call("delete_vm", cid)
    await agents.expel([agent_id])
