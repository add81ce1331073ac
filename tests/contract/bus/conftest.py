from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from director.adapters.bus import ca
from director.adapters.bus.admission import FileAdmission
from director.adapters.bus.agents import NatsAgents
from director.adapters.bus.connection import BusIdentity
from director.adapters.bus.identities import Identities
from director.adapters.bus.server import NatsServer, ServerPlace
from director.adapters.bus.users import UsersFile
from lab.ports import free_port
from tests.contract.bus.speaking_agent import SpeakingAgent


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> ca.BusFiles:
    return ca.create(tmp_path_factory.mktemp("ca"), ["127.0.0.1"])


@pytest.fixture
def users(tmp_path: Path) -> UsersFile:
    users = UsersFile(tmp_path / "users.json", tmp_path / "nats-server.pid")
    users.ensure()
    return users


@pytest.fixture
async def server(files: ca.BusFiles, users: UsersFile, tmp_path: Path) -> AsyncIterator[NatsServer]:
    server = NatsServer(ServerPlace("127.0.0.1", free_port(), tmp_path, files))
    await server.ensure()
    yield server
    await server.stop()


@pytest.fixture
def identities(files: ca.BusFiles) -> Identities:
    return Identities.load(client_ca=files.ca, client_ca_key=files.ca_key, server_ca=files.ca)


@pytest.fixture
def url(server: NatsServer) -> str:
    return f"nats://127.0.0.1:{server.place.port}"


@pytest.fixture
async def agents(url: str, files: ca.BusFiles, identities: Identities, users: UsersFile) -> AsyncIterator[NatsAgents]:
    agents = NatsAgents(
        url,
        BusIdentity(files.ca, files.certificate("director"), files.key("director")),
        identities,
        monitor=BusIdentity(files.ca, files.certificate("hm"), files.key("hm")),
        users=FileAdmission(users),
    )
    await agents.start()
    yield agents
    await agents.close()


@pytest.fixture
async def speak(url: str, agents: NatsAgents, tmp_path: Path) -> AsyncIterator[Callable[..., SpeakingAgent]]:
    """Makes connected agents that answer as told."""
    made: list[SpeakingAgent] = []

    async def make(
        agent_id: str,
        *,
        admitted: bool = True,
        ours: bool = False,
        raw: dict[str, bytes] | None = None,
        silent: str = "",
    ) -> SpeakingAgent:
        if admitted:
            await agents.admit([agent_id])
        agent = SpeakingAgent(agent_id, url, await agents.identity(agent_id, bootstrap=True), tmp_path, ours=ours)
        agent.raw.update(raw or {})
        agent.silent.update({silent} - {""})
        made.append(agent)
        await agent.connect(patience=20 if admitted else 0)
        return agent

    yield make
    for agent in made:
        await agent.close()
