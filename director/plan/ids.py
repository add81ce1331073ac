"""Identities for what a plan creates: derived from a seed, so that planning stays pure and a plan can be made again."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field


@dataclass
class Ids:
    """UUIDs derived from ``seed`` and what they are for; asking twice for the same purpose gives two ids."""

    seed: str
    _asked: dict[str, int] = field(default_factory=dict[str, int])

    def next(self, purpose: str) -> str:
        """A new id for e.g. ``instance/web`` or ``vm/<instance id>``."""
        count = self._asked.get(purpose, 0)
        self._asked[purpose] = count + 1
        return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{self.seed}/{purpose}/{count}"))
