"""Client certificates for agents, signed by the client CA (agent protocol §1: RSA 3072, SHA-256, two years)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from director.adapters.authority import Authority, Pair
from director.adapters.bus.keys_ahead import KeysAhead
from director.adapters.bus.names import agent_name
from director.model.errors import DirectorError, Place
from director.ports.agents import Identity


class Identities:
    """``server_ca`` is handed to agents, so that they trust the server; the authority signs what the server trusts.

    ``keys_ahead``: so many keys are made before they are needed.
    """

    def __init__(self, authority: Authority, server_ca: str, *, keys_ahead: int = 0) -> None:
        self._authority = authority
        self._server_ca = server_ca
        self._keys = KeysAhead(keys_ahead) if keys_ahead else None

    @classmethod
    def load(cls, *, client_ca: Path, client_ca_key: Path, server_ca: Path, keys_ahead: int = 0) -> Identities:
        """From PEM files. Raises an error that names the file at fault."""
        try:
            trusted = server_ca.read_text()
        except OSError as error:
            raise DirectorError(
                f"Cannot read the CA of NATS: {error.strerror}",
                place=Place(str(server_ca)),
                remedy="Check nats.server_ca_path in director.yml.",
            ) from None
        return cls(Authority.load(client_ca, client_ca_key), trusted, keys_ahead=keys_ahead)

    async def issue(self, agent_id: str, *, bootstrap: bool) -> Identity:
        """A new key and certificate (0.3 s, in a thread, unless a key is at hand)."""
        pair = await asyncio.to_thread(self._issue, agent_name(agent_id, bootstrap=bootstrap))
        return Identity(ca=self._server_ca, certificate=pair.certificate, private_key=pair.private_key)

    def close(self) -> None:
        """Make no more keys ahead."""
        if self._keys is not None:
            self._keys.close()

    def _issue(self, name: str) -> Pair:
        return self._authority.issue(name, key=self._keys.take() if self._keys is not None else None)
