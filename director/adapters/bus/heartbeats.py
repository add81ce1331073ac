"""What agents tell of themselves, heard with the monitor's identity (agent protocol §7)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct
from nats.aio.msg import Msg

from director.adapters.bus.connection import Connection

_PREFIX = "hm.agent.heartbeat."
_CUT = len(_PREFIX)
_ALERTS = "hm.agent.alert."


class _Beat(Struct):
    """What tells a heartbeat from noise; the rest of the object is checked, not kept."""

    job_state: str | None = None


class Heartbeats:
    """The last one of each agent, as it came, and when. Thousands come every few seconds: the few that somebody asks for are decoded then.
    ``heard`` is called with the agent's id at each."""

    def __init__(self, connection: Connection, heard: Callable[[str], None] = lambda agent_id: None) -> None:
        self._connection = connection
        self._tell = heard
        self._last: dict[str, bytes] = {}
        self._at: dict[str, float] = {}
        self._decode = msgspec.json.Decoder(_Beat, strict=False).decode
        self.alert_listeners: list[Callable[[str, dict[str, Any]], None]] = []
        connection.subscribe(f"{_PREFIX}*", self._received)
        connection.subscribe(f"{_ALERTS}*", self._alerted)

    async def start(self) -> None:
        await self._connection.client()

    def last(self, agent_id: str) -> dict[str, Any] | None:
        """With ``received_at`` (epoch seconds) added."""
        data = self._last.get(agent_id)
        return None if data is None else {**msgspec.json.decode(data), "received_at": self._at[agent_id]}

    def heard(self) -> dict[str, float]:
        """When each was last heard."""
        return dict(self._at)

    async def reachable(self) -> bool:
        """Whether the server answers a round trip."""
        return await self._connection.answers()

    def forget(self, agent_ids: Iterable[str]) -> None:
        for agent_id in agent_ids:
            self._last.pop(agent_id, None)
            self._at.pop(agent_id, None)

    async def close(self) -> None:
        await self._connection.close()

    async def _received(self, message: Msg) -> None:
        data = message.data
        try:
            self._decode(data)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            return
        agent_id = message.subject[_CUT:]
        self._last[agent_id] = data
        self._at[agent_id] = time.time()
        self._tell(agent_id)

    async def _alerted(self, message: Msg) -> None:
        try:
            alert: Any = msgspec.json.decode(message.data)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return
        if isinstance(alert, dict):
            for listener in self.alert_listeners:
                listener(message.subject.removeprefix(_ALERTS), alert)
