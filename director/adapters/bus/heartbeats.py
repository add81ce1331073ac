"""What agents tell of themselves, heard with the monitor's identity (agent protocol §7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from nats.aio.msg import Msg

from director.adapters.bus.connection import Connection

_PREFIX = "hm.agent.heartbeat."
_ALERTS = "hm.agent.alert."


class Heartbeats:
    """The last one of each agent, with ``received_at`` (epoch seconds) added."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: dict[str, dict[str, Any]] = {}
        self.listeners: list[Callable[[str, dict[str, Any]], None]] = []
        self.alert_listeners: list[Callable[[str, dict[str, Any]], None]] = []
        connection.subscribe(f"{_PREFIX}*", self._received)
        connection.subscribe(f"{_ALERTS}*", self._alerted)

    async def start(self) -> None:
        await self._connection.client()

    def last(self, agent_id: str) -> dict[str, Any] | None:
        return self._last.get(agent_id)

    def heard(self) -> dict[str, float]:
        """When each was last heard."""
        return {agent_id: float(one["received_at"]) for agent_id, one in self._last.items()}

    async def reachable(self) -> bool:
        """Whether the server answers a round trip."""
        return await self._connection.answers()

    def forget(self, agent_ids: Iterable[str]) -> None:
        for agent_id in agent_ids:
            self._last.pop(agent_id, None)

    async def close(self) -> None:
        await self._connection.close()

    async def _received(self, message: Msg) -> None:
        try:
            heartbeat: Any = msgspec.json.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if not isinstance(heartbeat, dict):
            return
        agent_id = message.subject.removeprefix(_PREFIX)
        self._last[agent_id] = {**heartbeat, "received_at": time.time()}
        for listener in self.listeners:
            listener(agent_id, self._last[agent_id])

    async def _alerted(self, message: Msg) -> None:
        try:
            alert: Any = msgspec.json.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if isinstance(alert, dict):
            for listener in self.alert_listeners:
                listener(message.subject.removeprefix(_ALERTS), alert)
