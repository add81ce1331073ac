"""Alerts become log lines and events (GET /events), each once as long as it lasts."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Sequence
from typing import Any

import structlog
from msgspec.structs import replace

from director.model.rows import EventRow, Row
from director.observe.alert import Alert
from director.ports.store import Changes
from director.service.house import House

USER = "hm"
AGAIN = 3600.0
MOST = 200

_log: Any = structlog.get_logger("health")


class Alerts:
    """What was told and when; what agents tell waits here until the next look."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._told: dict[tuple[str, str, str], float] = {}
        self._from_agents: deque[tuple[str, dict[str, Any]]] = deque(maxlen=MOST)

    def heard(self, agent_id: str, alert: dict[str, Any]) -> None:
        """Of an agent; when too many come, the oldest are lost."""
        self._from_agents.append((agent_id, alert))

    def taken(self, owners: dict[str, tuple[str, str]]) -> list[EventRow]:
        """Events of what agents told; ``owners``: by agent id, deployment and instance."""
        found = [self._of_agent(agent_id, alert, owners) for agent_id, alert in self._from_agents]
        self._from_agents.clear()
        return found

    def fresh(self, alerts: Sequence[Alert]) -> list[EventRow]:
        """Events of those that were not told of late; what is no more is forgotten."""
        now = self._house.clock.now()
        keys = {(one.title, one.deployment, one.instance) for one in alerts}
        self._told = {key: at for key, at in self._told.items() if key in keys and now - at < AGAIN}
        found: list[EventRow] = []
        for one in alerts:
            key = (one.title, one.deployment, one.instance)
            if key in self._told:
                continue
            self._told[key] = now
            _log.log(
                40 if one.severity <= 3 else 30,
                one.text,
                severity=one.severity_name,
                deployment=one.deployment or None,
                instance=one.instance or None,
            )
            found.append(self._event(one.text, one.severity_name, one.deployment, one.instance))
        return found

    async def write(self, events: Sequence[EventRow]) -> None:
        """In one commit."""
        if not events:
            return
        first = await self._house.store.next_id("events", len(events))
        rows: list[Row] = [replace(event, id=number) for number, event in enumerate(events, first)]
        await self._house.store.commit(Changes(put=rows))

    def _of_agent(self, agent_id: str, alert: dict[str, Any], owners: dict[str, tuple[str, str]]) -> EventRow:
        deployment, instance = owners.get(agent_id, ("", ""))
        number = alert.get("severity")
        told = Alert(
            number if isinstance(number, int) else 2,
            str(alert.get("title") or "")[:500],
            str(alert.get("summary") or "")[:500],
        )
        _log.warning(told.text, severity=told.severity_name, agent=agent_id, instance=instance or None)
        name = str(alert.get("id") or "")[:100]
        return self._event(told.text, told.severity_name, deployment, instance, name=name)

    def _event(self, text: str, severity: str, deployment: str, instance: str, *, name: str = "") -> EventRow:
        return EventRow(
            id=0,
            timestamp=self._house.clock.now(),
            user=USER,
            action="create",
            object_type="alert",
            object_name=name or str(uuid.uuid4()),
            deployment=deployment or None,
            instance=instance or None,
            context={"message": text, "severity": severity},
        )
