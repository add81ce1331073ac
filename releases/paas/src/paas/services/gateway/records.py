"""SQL over the gateway's tables."""

from __future__ import annotations

import uuid
from typing import Any

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from paas.database.transaction import Transaction
from paas.services.gateway.schema import bindings, instances, orphans

MOST_PAUSE_SECONDS = 60


class InstanceRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``instances``."""

    id: str
    service_id: str
    plan_id: str
    digest: str
    state: str
    operation: str
    description: str
    node: str
    name: str
    place: dict[str, Any]


class BindingRow(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``bindings``; `claimed`: a gateway is at it."""

    id: str
    key: str
    instance_id: str
    digest: str
    credentials: str
    claimed: bool


class Orphan(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``orphans``."""

    id: int
    node: str
    name: str
    binding: str


_INSTANCE = [instances.c[name] for name in InstanceRow.__struct_fields__]
_CLAIMED = sa.func.coalesce(bindings.c.claimed_until > sa.func.now(), False).label("claimed")
_BINDING = [bindings.c.id, bindings.c.key, bindings.c.instance_id, bindings.c.digest, bindings.c.credentials, _CLAIMED]


def new_name() -> str:
    """A name for an instance on a node that no other ever had."""
    return f"i{uuid.uuid4().hex}"


async def instance(tx: Transaction, id: str, lock: bool = False) -> InstanceRow | None:
    """The instance; with `lock` nobody else changes it before the transaction's end."""
    query = sa.select(*_INSTANCE).where(instances.c.id == id)
    row = (await tx.execute(query.with_for_update() if lock else query)).mappings().first()
    return None if row is None else InstanceRow(**row)


async def add_instance(tx: Transaction, values: dict[str, Any]) -> bool:
    """Whether it is new."""
    made = insert(instances).values(values).on_conflict_do_nothing(index_elements=["id"])
    return (await tx.execute(made.returning(instances.c.id))).first() is not None


async def change_instance(tx: Transaction, id: str, **values: Any) -> None:
    """Set columns."""
    await tx.execute(sa.update(instances).where(instances.c.id == id).values(values))


async def finish(tx: Transaction, row: InstanceRow, **values: Any) -> bool:
    """Set columns, unless another operation has begun since."""
    mine = (instances.c.id == row.id) & (instances.c.operation == row.operation)
    done = await tx.execute(sa.update(instances).where(mine).values({"claimed_until": None, **values}))
    return done.rowcount == 1


async def forget(tx: Transaction, row: InstanceRow) -> None:
    """The instance is gone, with its bindings."""
    await tx.execute(sa.delete(instances).where(instances.c.id == row.id, instances.c.operation == row.operation))


async def claim(tx: Transaction, seconds: float) -> InstanceRow | None:
    """An instance with work to do that no gateway is at; it is this one's for `seconds`."""
    free = sa.or_(instances.c.claimed_until.is_(None), instances.c.claimed_until < sa.func.now())
    first = (
        sa.select(instances.c.id)
        .where(instances.c.state.in_(["creating", "deleting"]), free)
        .order_by(instances.c.created_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    taken = sa.update(instances).where(instances.c.id == first).values(claimed_until=later(seconds))
    row = (await tx.execute(taken.returning(*_INSTANCE))).mappings().first()
    return None if row is None else InstanceRow(**row)


async def claim_again(tx: Transaction, row: InstanceRow, seconds: float) -> None:
    """Still at it."""
    mine = (
        (instances.c.id == row.id) & (instances.c.operation == row.operation) & instances.c.claimed_until.is_not(None)
    )
    await tx.execute(sa.update(instances).where(mine).values(claimed_until=later(seconds)))


async def binding(tx: Transaction, instance_id: str, id: str) -> BindingRow | None:
    """The binding of that instance."""
    query = sa.select(*_BINDING).where(bindings.c.id == id, bindings.c.instance_id == instance_id)
    row = (await tx.execute(query)).mappings().first()
    return None if row is None else BindingRow(**row)


async def claim_binding(
    tx: Transaction, instance_id: str, id: str, digest: str, seconds: float
) -> tuple[str, str | None] | None:
    """Note that the binding is about to be made: its new key, and the key of a try that was given up. None: it is another instance's."""
    query = sa.select(bindings.c.key, bindings.c.instance_id).where(bindings.c.id == id).with_for_update()
    before = (await tx.execute(query)).first()
    if before is not None and before.instance_id != instance_id:
        return None
    values = {"key": f"b{uuid.uuid4().hex}", "digest": digest, "claimed_until": later(seconds)}
    made = insert(bindings).values(id=id, instance_id=instance_id, **values)
    await tx.execute(made.on_conflict_do_update(index_elements=["id"], set_=values))
    return values["key"], None if before is None else str(before.key)


async def keep_credentials(tx: Transaction, id: str, key: str, sealed: str) -> bool:
    """Whether the binding is still wanted, under this key."""
    mine = (bindings.c.id == id) & (bindings.c.key == key)
    values = {"credentials": sealed, "claimed_until": None}
    return (await tx.execute(sa.update(bindings).where(mine).values(values))).rowcount == 1


async def drop_binding(tx: Transaction, id: str, key: str) -> None:
    """The binding is gone."""
    await tx.execute(sa.delete(bindings).where(bindings.c.id == id, bindings.c.key == key))


async def add_orphan(tx: Transaction, node: str, name: str, binding: str = "") -> None:
    """To be removed from the node for as long as that takes."""
    values = {"node": node, "name": name, "binding": binding}
    await tx.execute(insert(orphans).values(values).on_conflict_do_nothing())


async def claim_orphans(tx: Transaction, seconds: float, node: str = "") -> list[Orphan]:
    """Those that are due, and with `node` all of that node; each later each time."""
    due = orphans.c.next_try <= sa.func.now()
    chosen = (
        sa.select(orphans.c.id)
        .where(sa.or_(due, orphans.c.node == node) if node else due)
        .order_by(orphans.c.next_try)
        .limit(50)
        .with_for_update(skip_locked=True)
        .cte("chosen")
    )
    pause = sa.func.least(MOST_PAUSE_SECONDS, sa.func.power(2, sa.func.least(orphans.c.tries, 10))) + seconds
    taken = (
        sa.update(orphans)
        .where(orphans.c.id == chosen.c.id)
        .values(tries=orphans.c.tries + 1, next_try=sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, pause))
        .returning(orphans.c.id, orphans.c.node, orphans.c.name, orphans.c.binding)
    )
    return [Orphan(**row) for row in (await tx.execute(taken)).mappings()]


async def drop_orphan(tx: Transaction, id: int) -> None:
    """It is gone."""
    await tx.execute(sa.delete(orphans).where(orphans.c.id == id))


async def names(tx: Transaction) -> set[str]:
    """Names of all instances and orphans that the gateway knows of."""
    both = sa.union(sa.select(instances.c.name), sa.select(orphans.c.name))
    return {str(name) for (name,) in await tx.execute(both)}


def later(seconds: float) -> Any:
    """The database's own time, that far from now."""
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
