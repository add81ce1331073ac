"""The agent's own record of disks: hints from the cloud, and what is mounted where."""

from __future__ import annotations

from typing import Any

from agent import durable
from agent.errors import AgentError
from agent.layout import Layout
from agent.shapes import Json, object_or_empty

STORE = "store"
MIGRATION_TARGET = "store_migration_target"


class DiskBooks:
    """Durable; ``persistent`` of the settings counts for disks that were attached at create_vm."""

    def __init__(self, layout: Layout, persistent: Json) -> None:
        self._layout = layout
        self._persistent = persistent

    def hint(self, cid: str) -> Any:
        """The hint of an attached disk; AgentError if it is unknown."""
        for place in (self._hints(), self._persistent):
            if cid in place:
                return place[cid]
        raise AgentError(f"disk {cid} is not attached to this VM: neither add_persistent_disk nor the settings name it")

    def add(self, cid: str, hint: Any) -> None:
        durable.write_json(self._layout.disk_hints, {**self._hints(), cid: hint})

    def remove(self, cid: str) -> None:
        left = {known: hint for known, hint in self._hints().items() if known != cid}
        durable.write_json(self._layout.disk_hints, left)
        self.unplaced(cid)

    def places(self) -> dict[str, str]:
        """CID -> store or store_migration_target."""
        found = object_or_empty(durable.read_json(self._layout.mounted_disks))
        return {cid: str(place) for cid, place in found.items()}

    def placed(self, cid: str, place: str) -> None:
        """Record a mount; a place holds one disk."""
        others = {known: at for known, at in self.places().items() if at != place and known != cid}
        durable.write_json(self._layout.mounted_disks, {**others, cid: place})

    def unplaced(self, cid: str) -> None:
        left = {known: at for known, at in self.places().items() if known != cid}
        durable.write_json(self._layout.mounted_disks, left)

    def _hints(self) -> Json:
        return object_or_empty(durable.read_json(self._layout.disk_hints))
