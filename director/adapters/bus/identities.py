"""Client certificates for agents, signed by the client CA (agent protocol §1: RSA 3072, SHA-256, two years)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from director.adapters.authority import Authority
from director.adapters.bus.names import agent_name
from director.ports.agents import Identity


class Identities:
    """``server_ca`` is handed to agents, so that they trust the server; the authority signs what the server trusts."""

    def __init__(self, authority: Authority, server_ca: str) -> None:
        self._authority = authority
        self._server_ca = server_ca

    @classmethod
    def load(cls, *, client_ca: Path, client_ca_key: Path, server_ca: Path) -> Identities:
        return cls(Authority.load(client_ca, client_ca_key), server_ca.read_text())

    async def issue(self, agent_id: str, *, bootstrap: bool) -> Identity:
        """A new key and certificate (0.3 s, in a thread)."""
        name = agent_name(agent_id, bootstrap=bootstrap)
        pair = await asyncio.to_thread(self._authority.issue, name)
        return Identity(ca=self._server_ca, certificate=pair.certificate, private_key=pair.private_key)
