"""The order of buildpacks: without gaps, from 1; whoever moves shifts the others."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.schema import buildpacks
from paas.database.migrate import lock_key
from paas.database.transaction import Transaction


async def lock_order(db: Transaction) -> None:
    """One change of the order at a time."""
    await db.execute(sa.select(sa.func.pg_advisory_xact_lock(lock_key("buildpacks"))))


async def room_at(db: Transaction, wanted: int) -> int:
    """Make room at `wanted`, or at the end where that is nearer; where it is."""
    last = await db.scalar(sa.select(sa.func.coalesce(sa.func.max(buildpacks.c.position), 0)))
    position = min(wanted, last + 1)
    later = buildpacks.c.position >= position
    await db.execute(sa.update(buildpacks).where(later).values(position=buildpacks.c.position + 1))
    return position


async def close_gap(db: Transaction, position: int) -> None:
    """One at `position` has gone."""
    later = buildpacks.c.position > position
    await db.execute(sa.update(buildpacks).where(later).values(position=buildpacks.c.position - 1))


async def move(db: Transaction, guid: str, before: int, wanted: int) -> None:
    """From `before` to `wanted`."""
    await db.execute(sa.update(buildpacks).where(buildpacks.c.guid == guid).values(position=0))
    await close_gap(db, before)
    position = await room_at(db, wanted)
    await db.execute(sa.update(buildpacks).where(buildpacks.c.guid == guid).values(position=position))
