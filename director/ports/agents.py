"""The agents on VMs, over the bus. Errors are `AgentError` and `AgentTimeout`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from msgspec import Struct


class Identity(Struct, frozen=True):
    """A client certificate of the bus, PEM: what env.bosh.mbus.cert holds."""

    ca: str
    certificate: str
    private_key: str


class Sighting(Struct, frozen=True):
    """How the bus has seen an agent. ``there``: it listens, None when that is not known; ``refused``: why the bus turned its VM away last,
    at ``refused_at`` (epoch seconds); empty when it did not, or does not say."""

    there: bool | None = None
    refused: str = ""
    refused_at: float = 0


class AgentLog(Protocol):
    """Receives one line per message sent or received, secrets redacted."""

    def __call__(self, line: str) -> None: ...


class Agents(Protocol):
    """``key`` and ``fence`` go along with a request; our agent adopts a repeated key and refuses an old fence, the stock agent ignores both."""

    async def call(
        self,
        agent_id: str,
        method: str,
        *arguments: Any,
        timeout: float = 45,
        key: str = "",
        fence: int = 0,
        log: AgentLog | None = None,
    ) -> Any:
        """One request, its value. `AgentTimeout` after ``timeout`` seconds."""
        ...

    async def run(
        self,
        agent_id: str,
        method: str,
        *arguments: Any,
        key: str = "",
        fence: int = 0,
        timeout: float | None = None,
        adopt: str = "",
        started: Callable[[str], Any] | None = None,
        log: AgentLog | None = None,
    ) -> Any:
        """A long action, followed to its end (pushed by our agent, polled by get_task otherwise); the raw value.

        ``started`` is called with the agent's task id once known; ``adopt`` is such an id from before a restart: no new request is sent
        unless the agent no longer knows it.
        """
        ...

    async def wait_until_ready(self, agent_id: str, timeout: float, log: AgentLog | None = None) -> None:
        """Ping until answered."""
        ...

    async def sightings(self, agents: Mapping[str, Sequence[str]]) -> dict[str, Sighting]:
        """Of agents that are being waited for (id → addresses of the VM, as far as known), in one look for all."""
        ...

    async def admit(self, agent_ids: Sequence[str]) -> None:
        """Make sure the bus lets these agents in (bootstrap and permanent name); one reload for all of them."""
        ...

    async def expel(self, agent_ids: Sequence[str]) -> None:
        """The bus lets them in no longer."""
        ...

    async def identity(self, agent_id: str, *, bootstrap: bool) -> Identity:
        """A new certificate for the agent, signed by the client CA."""
        ...

    def heartbeat(self, agent_id: str) -> dict[str, Any] | None:
        """The last heartbeat heard, with ``received_at``; None when none was."""
        ...

    def heard(self) -> Mapping[str, float]:
        """When each agent's last heartbeat was heard (epoch seconds), also of agents that are nobody's."""
        ...

    def on_alert(self, listener: Callable[[str, dict[str, Any]], None]) -> None:
        """Call ``listener(agent id, alert)`` for each alert that an agent tells (agent protocol §7)."""
        ...

    async def reachable(self) -> bool:
        """Whether the bus itself can be spoken to now, whatever its agents do."""
        ...

    async def close(self) -> None: ...
