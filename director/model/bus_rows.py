"""Whom the bus is to let in, kept in the store for the sync process beside each of its servers."""

from __future__ import annotations

from typing import ClassVar

from director.model.row import Row


class BusAgentRow(Row, frozen=True, kw_only=True):
    """An agent that may use the bus, under its bootstrap and its permanent name."""

    TABLE: ClassVar[str] = "bus_agents"

    agent_id: str
    admitted_at: float = 0

    @property
    def key(self) -> str:
        return self.agent_id


class BusRow(Row, frozen=True, kw_only=True):
    """One row, with the key ``bus``: ``revision`` grows in each commit that changes the agents."""

    TABLE: ClassVar[str] = "bus"

    revision: int = 0

    @property
    def key(self) -> str:
        return "bus"


class BusNodeRow(Row, frozen=True, kw_only=True):
    """A server of the bus: it has been told of all agents as of ``revision``."""

    TABLE: ClassVar[str] = "bus_nodes"

    name: str
    revision: int = 0

    @property
    def key(self) -> str:
        return self.name
