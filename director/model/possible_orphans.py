"""Creations whose end nobody can tell: the answer was lost, and the CPI cannot look by key."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from director.model.deployment import Document
from director.model.row import Row


class PossibleOrphanRow(Row, frozen=True, kw_only=True):
    """A vm, disk or stemcell that may exist in a cloud, with all that is known of it. Its ``addresses`` are reserved under its key.

    ``object_key`` is what it would be stamped with, where the CPI stamps anything; ``agent_id`` what its agent would call itself.
    """

    TABLE: ClassVar[str] = "possible_orphans"
    INDEXED: ClassVar[tuple[str, ...]] = ("deployment",)

    object_key: str
    kind: str
    cpi: str
    deployment: str = ""
    instance_name: str = ""
    az: str = ""
    agent_id: str = ""
    addresses: tuple[str, ...] = ()
    size: int = 0
    cloud_properties: Document = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    since: float = 0
    task: int = 0

    @property
    def key(self) -> str:
        return self.object_key
