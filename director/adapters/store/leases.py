"""Statements on leases. Time is the database's; a released lease keeps its row, so that its fence only grows."""

from __future__ import annotations

from functools import cache
from typing import Any

from sqlalchemy import Connection, Select, bindparam, case, select, update

from director.adapters.store.dialect import insert, now
from director.adapters.store.schema import LEASES
from director.model.errors import LeaseLost
from director.ports.store import Lease


def acquire(connection: Connection, name: str, owner: str, seconds: float) -> Lease | None:
    """Take it when free, expired or one's own already."""
    time = now(connection.dialect.name)
    statement = insert(connection.dialect.name, LEASES).values(
        name=name, owner=owner, fence=1, expires_at=time + seconds
    )
    mine = LEASES.c.owner == statement.excluded.owner
    statement = statement.on_conflict_do_update(
        index_elements=["name"],
        set_={
            "owner": statement.excluded.owner,
            "fence": case((mine, LEASES.c.fence), else_=LEASES.c.fence + 1),
            "expires_at": statement.excluded.expires_at,
        },
        where=mine | (LEASES.c.expires_at <= time),
    ).returning(LEASES.c.fence, LEASES.c.expires_at)
    found = connection.execute(statement).one_or_none()
    return None if found is None else Lease(name, owner, found.fence, found.expires_at)


def check(connection: Connection, lease: Lease, *, expired: bool = False) -> None:
    """Raises `LeaseLost` unless it is in force, under its fence; the row is locked until the transaction ends. With ``expired`` one that ran
    out will do as long as nobody else has taken it."""
    found = connection.execute(_state(connection.dialect.name), {"lease": lease.name}).one_or_none()
    if found is None or found.owner != lease.owner or found.fence != lease.fence or not (found.valid or expired):
        raise _lost(lease, found)


@cache
def _state(dialect: str) -> Select[Any, Any, bool]:
    """Made once: each commit begins with it."""
    valid = (LEASES.c.expires_at > now(dialect)).label("valid")
    named = LEASES.c.name == bindparam("lease")
    return select(LEASES.c.owner, LEASES.c.fence, valid).where(named).with_for_update()


def renew(connection: Connection, lease: Lease, seconds: float) -> Lease:
    """Prolong; an expired lease that nobody took is still its holder's."""
    expires_at = connection.execute(
        update(LEASES)
        .where(LEASES.c.name == lease.name, LEASES.c.owner == lease.owner, LEASES.c.fence == lease.fence)
        .values(expires_at=now(connection.dialect.name) + seconds)
        .returning(LEASES.c.expires_at)
    ).scalar_one_or_none()
    if expires_at is None:
        found = connection.execute(
            select(LEASES.c.owner, LEASES.c.fence).where(LEASES.c.name == lease.name)
        ).one_or_none()
        raise _lost(lease, found)
    return Lease(lease.name, lease.owner, lease.fence, expires_at)


def release(connection: Connection, lease: Lease) -> None:
    """Quiet when it is another's by now."""
    connection.execute(
        update(LEASES)
        .where(LEASES.c.name == lease.name, LEASES.c.owner == lease.owner, LEASES.c.fence == lease.fence)
        .values(owner="", expires_at=0)
    )


def in_force(connection: Connection, prefix: str) -> list[Lease]:
    """Those not expired whose name starts with ``prefix``, by name."""
    statement = select(LEASES).where(LEASES.c.expires_at > now(connection.dialect.name)).order_by(LEASES.c.name)
    if prefix:
        statement = statement.where(LEASES.c.name.startswith(prefix, autoescape=True))
    return [Lease(one.name, one.owner, one.fence, one.expires_at) for one in connection.execute(statement)]


def _lost(lease: Lease, found: Any) -> LeaseLost:
    if found is None or not found.owner:
        held = "nobody holds it now"
    elif found.owner == lease.owner and found.fence == lease.fence:
        held = "its term ran out"
    else:
        held = f"{found.owner} holds it under fence {found.fence}"
    return LeaseLost(f"Lease {lease.name} of {lease.owner} under fence {lease.fence} is lost: {held}")
