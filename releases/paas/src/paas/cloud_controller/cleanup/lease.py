"""Of several processes one does what is to be done once: that which has the lease."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from paas.cloud_controller.schema import leases
from paas.database.transaction import Transaction


async def take_lease(db: Transaction, name: str, owner: str, seconds: float) -> bool:
    """Whether `owner` has it for so long now; by the database's clock."""
    until = sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
    put = insert(leases).values(name=name, owner=owner, until=until)
    put = put.on_conflict_do_update(
        index_elements=["name"],
        set_={"owner": owner, "until": until},
        where=sa.or_(leases.c.owner == owner, leases.c.until < sa.func.now()),
    ).returning(leases.c.owner)
    return await db.scalar(put) == owner
