from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from agent_bus import SERVER, Authority, Director, NatsServer
from agent_process import AgentProcess

from agent.build import build


@pytest.fixture(scope="session")
def zipapp(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("zipapp") / "meristem-agent.pyz"
    build(path)
    return path


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority()


@pytest.fixture
def server(tmp_path: Path, authority: Authority) -> Iterator[NatsServer]:
    if SERVER is None:
        pytest.skip("nats-server is not installed")
    made = NatsServer(tmp_path / "nats", authority)
    made.start()
    yield made
    made.stop()


@pytest.fixture
def vm(tmp_path: Path, zipapp: Path, server: NatsServer, authority: Authority) -> Iterator[AgentProcess]:
    """An agent that the server knows; not started yet."""
    made = AgentProcess(tmp_path, zipapp, server, authority)
    server.allow_agent(made.id, made.name)
    yield made
    if made.process is not None and made.process.poll() is None:
        made.kill()


@pytest.fixture
async def director(server: NatsServer, authority: Authority, vm: AgentProcess) -> AsyncIterator[Director]:
    made = Director(server, authority, vm.id)
    await made.connect()
    yield made
    await made.close()
