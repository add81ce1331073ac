"""The stock agent and ours behind the same dummy CPI: what both must do alike."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.loopback.bus import Bus, agent_user, standing_users, start_bus
from tests.e2e.loopback.certificates import Authority
from tests.e2e.loopback.cloud import DummyCloud, own_agent, stock_agent
from tests.e2e.loopback.talk import Talk
from tests.programs import need


@dataclass
class Bench:
    """A bus, a cloud whose VMs run one kind of agent, and a voice to speak to them."""

    kind: str
    bus: Bus
    cloud: DummyCloud
    authority: Authority
    talk: Talk
    blobs: Path

    def identity(self, name: str) -> dict[str, str]:
        certificate, key = self.authority.issue(name, f"{name}.agent.bosh-internal")
        return {
            "ca": self.authority.certificate.read_text(),
            "certificate": certificate.read_text(),
            "private_key": key.read_text(),
        }

    def boot(self, **env: Any) -> tuple[str, str]:
        """A new VM; answers (agent id, VM cid). Its agent has a bootstrap certificate and a local blobstore shared by all."""
        agent_id = str(uuid.uuid4())
        users = [*standing_users(), agent_user(agent_id), agent_user(agent_id, bootstrap=True)]
        self.bus.admit(users)
        blobstore = {"provider": "local", "options": {"blobstore_path": str(self.blobs)}}
        bosh = {"mbus": {"cert": self.identity(f"{agent_id}.bootstrap")}, "blobstores": [blobstore], **env}
        networks = {
            "a": {
                "type": "manual",
                "ip": "127.77.0.5",
                "netmask": "255.255.255.0",
                "prefix": "24",
                "default": ["dns", "gateway"],
            }
        }
        stemcell = self.cloud.call("create_stemcell", __file__, {})
        cid, answered = self.cloud.call("create_vm", agent_id, stemcell, {}, networks, [], {"bosh": bosh})
        assert answered == networks
        return agent_id, cid

    def put_blob(self, content: bytes) -> tuple[str, str]:
        """Store a blob where the agents look; answers (id, sha1)."""
        number = str(uuid.uuid4())
        (self.blobs / number).write_bytes(content)
        return number, hashlib.sha1(content).hexdigest()


@pytest.fixture(scope="module", params=["stock", "ours"])
def laid(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Bus, DummyCloud, Authority, Path]]:
    """Bus and cloud for a kind of agent; skipped without nats-server, or without `BOSH_AGENT_BIN` for the stock one."""
    need("nats-server")
    agent = stock_agent() if request.param == "stock" else own_agent()
    if not agent:
        pytest.skip("BOSH_AGENT_BIN names no stock agent")
    directory = tmp_path_factory.mktemp(f"bench-{request.param}")
    authority = Authority(directory / "certs")
    blobs = directory / "blobs"
    blobs.mkdir()
    bus = start_bus(directory / "nats", authority)
    cloud = DummyCloud.build(directory, bus.url, agent)
    try:
        yield request.param, bus, cloud, authority, blobs
    finally:
        cloud.close()
        bus.stop()


@pytest.fixture
async def bench(laid: tuple[str, Bus, DummyCloud, Authority, Path]) -> AsyncIterator[Bench]:
    kind, bus, cloud, authority, blobs = laid
    talk = await Talk.open(bus, authority.certificate, *authority.issue("director", "default.director.bosh-internal"))
    try:
        yield Bench(kind, bus, cloud, authority, talk, blobs)
    finally:
        await talk.close()
