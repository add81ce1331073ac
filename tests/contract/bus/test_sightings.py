"""How the bus sees agents that do not answer: absent, there but silent, or turned away."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from director.adapters.bus import ca
from director.adapters.bus.admission import FileAdmission
from director.adapters.bus.agents import NatsAgents
from director.adapters.bus.connection import BusIdentity
from director.adapters.bus.identities import Identities
from director.adapters.bus.refusals import MOST, Refusals
from director.adapters.bus.server import NatsServer
from director.adapters.bus.users import UsersFile
from director.model.errors import AgentTimeout
from director.ports.agents import Sighting
from tests.contract.bus.speaking_agent import SpeakingAgent


async def silence(agents: NatsAgents, agent_id: str, seconds: float) -> Sighting:
    """How an agent is seen after pings that it did not answer."""
    with pytest.raises(AgentTimeout):
        await agents.wait_until_ready(agent_id, seconds)
    return (await agents.sightings({agent_id: ["127.0.0.1"]}))[agent_id]


async def test_there_or_not(
    agents: NatsAgents, speak: Callable[..., SpeakingAgent], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        # a server that stands still for longer than it ever should would pass for an agent that is there
        patch.setattr("director.adapters.bus.exchange._TELLING", 3600.0)
        assert await silence(agents, "nobody", 2.5) == Sighting(there=False)
    agent = await speak("a1", silent="ping")
    assert await silence(agents, "a1", 0.7) == Sighting(there=True)
    agent.silent.clear()
    await agents.wait_until_ready("a1", 30)
    assert await agents.sightings({"a1": [], "never-asked": []}) == {"a1": Sighting(), "never-asked": Sighting()}


async def test_one_that_comes_while_it_is_asked_and_stays_silent_is_there(
    agents: NatsAgents, speak: Callable[..., SpeakingAgent]
) -> None:
    async with asyncio.timeout(30), asyncio.TaskGroup() as asking:
        asking.create_task(_unanswered(agents, "a1", 5))
        await asyncio.sleep(0.3)  # the server has said that nobody listens
        agent = await speak("a1", silent="get_state")
    assert "get_state" in agent.methods()
    assert (await agents.sightings({"a1": []}))["a1"] == Sighting(there=True)


async def _unanswered(agents: NatsAgents, agent_id: str, seconds: float) -> None:
    with pytest.raises(AgentTimeout):
        await agents.call(agent_id, "get_state", timeout=seconds)


async def test_why_agents_are_turned_away(
    server: NatsServer, users: UsersFile, files: ca.BusFiles, identities: Identities, url: str, tmp_path: Path
) -> None:
    agents = NatsAgents(
        url,
        BusIdentity(files.ca, files.certificate("director"), files.key("director")),
        identities,
        users=FileAdmission(users),
        server_log=server.place.log_file,
    )
    await agents.start()
    others = ca.create(tmp_path / "other", ["127.0.0.1"])
    foreign = Identities.load(client_ca=others.ca, client_ca_key=others.ca_key, server_ca=files.ca)
    before = time.time()
    reasons = {
        "unknown authority": await foreign.issue("a1", bootstrap=True),
        "lets in no user of this certificate": await identities.issue("a1", bootstrap=True),
        "didn't provide a certificate": None,
    }
    for reason, identity in reasons.items():
        context = ssl.create_default_context(cadata=files.ca.read_text())
        if identity is not None:
            pem = tmp_path / "identity.pem"
            pem.write_text(identity.certificate + identity.private_key)
            context.load_cert_chain(str(pem))
        await knock(server.place.port, context)
        async with asyncio.timeout(20):
            while reason not in (seen := (await agents.sightings({"a1": ["10.0.0.1", "127.0.0.1"]}))["a1"]).refused:
                await asyncio.sleep(0.02)
        assert before - 1 <= seen.refused_at <= time.time() + 1
    assert (await agents.sightings({"a1": ["10.0.0.1"]}))["a1"].refused == ""
    await agents.close()


async def knock(port: int, context: ssl.SSLContext) -> None:
    """Speak TLS as a client of the bus does, after the server's first line, and log in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    await reader.readline()
    try:
        await writer.start_tls(context, server_hostname="127.0.0.1")
        writer.write(b'CONNECT {"verbose":true}\r\nPING\r\n')
        await writer.drain()
        await reader.read()
    except (OSError, ssl.SSLError):
        pass
    finally:
        writer.close()


def test_only_what_is_new_is_read_and_never_much(tmp_path: Path) -> None:
    log = tmp_path / "log"
    line = "[1] 2026/11/29 16:19:08.736913 [ERR] {}:58700 - cid:7 - TLS handshake error: {}\n"
    log.write_text(line.format("10.0.0.1", "old"))
    refusals = Refusals(log)
    assert refusals.look() == {}, "what was before is not ours"
    with log.open("a") as file:
        file.write(
            line.format("10.0.0.2", "EOF") + line.format("[fd00::2]", "EOF") + line.format("10.0.0.3", "half")[:-1]
        )
    assert set(refusals.look()) == {"10.0.0.2", "fd00::2"}
    with log.open("a") as file:
        file.write("\n" + "x" * MOST + "\n" + line.format("10.0.0.4", "EOF"))
    assert set(refusals.look()) == {"10.0.0.2", "fd00::2", "10.0.0.4"}, "a flood is passed over"
    log.write_text(line.format("10.0.0.5", "EOF"))
    assert "10.0.0.5" in refusals.look(), "the log was begun anew"
    log.unlink()
    assert "10.0.0.5" in refusals.look()
