"""Writes audit events, in the transaction of what they tell of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.schema import audit_events, spaces
from paas.database.transaction import Transaction

SYSTEM = "system"


@dataclass(frozen=True)
class Target:
    """What an event is about: ``app``, ``route`` …"""

    type: str
    guid: str
    name: str = ""


async def record(
    db: Transaction,
    who: Identity | None,
    type: str,
    target: Target,
    *,
    space: str | None = None,
    organization: str | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """One event: ``audit.app.create``. Without `who` the platform itself acted. `data` holds no secret."""
    found: Any = organization
    if found is None and space is not None:
        found = sa.select(spaces.c.organization_guid).where(spaces.c.guid == space).scalar_subquery()
    values = {
        "type": type,
        "actor_guid": SYSTEM if who is None else who.guid,
        "actor_type": "process" if who is None else ("client" if who.is_client else "user"),
        "actor_name": SYSTEM if who is None else who.name,
        "target_guid": target.guid,
        "target_type": target.type,
        "target_name": target.name,
        "data": data or {},
        "space_guid": space,
        "organization_guid": found,
    }
    await db.execute(sa.insert(audit_events).values(values))
