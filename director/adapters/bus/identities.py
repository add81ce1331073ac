"""Client certificates for agents, signed by the client CA (agent protocol §1: SHA-256, two years); keys on P-256 (decision 0009)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from director.adapters.authority import Authority, Pair, make_short_key
from director.adapters.bus.names import agent_name
from director.model.errors import DirectorError, Place
from director.ports.agents import Identity


class Identities:
    """``server_ca`` is handed to agents, so that they trust the server; the authority signs what the server trusts."""

    def __init__(self, authority: Authority, server_ca: str) -> None:
        self._authority = authority
        self._server_ca = server_ca

    @classmethod
    def load(cls, *, client_ca: Path, client_ca_key: Path, server_ca: Path) -> Identities:
        """From PEM files. Raises an error that names the file at fault."""
        try:
            trusted = server_ca.read_text()
        except OSError as error:
            raise DirectorError(
                f"Cannot read the CA of NATS: {error.strerror}",
                place=Place(str(server_ca)),
                remedy="Check nats.server_ca_path in director.yml.",
            ) from None
        return cls(Authority.load(client_ca, client_ca_key), trusted)

    async def issue(self, agent_id: str, *, bootstrap: bool) -> Identity:
        """A new key and certificate (signing takes some ms: in a thread)."""
        pair = await asyncio.to_thread(self._issue, agent_name(agent_id, bootstrap=bootstrap))
        return Identity(ca=self._server_ca, certificate=pair.certificate, private_key=pair.private_key)

    def _issue(self, name: str) -> Pair:
        return self._authority.issue(name, key=make_short_key())
