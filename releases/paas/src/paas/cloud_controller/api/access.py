"""Who may do what: roles in organizations and spaces, kept in this component's own tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.errors import not_authorized, not_found
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.schema import organizations, roles, spaces
from paas.database.transaction import Transaction

SPACE_READERS = ("space_developer", "space_auditor", "space_manager", "space_supporter")
ORGANIZATION_ROLES = (
    "organization_user",
    "organization_auditor",
    "organization_billing_manager",
    "organization_manager",
)


def visible_spaces(who: Identity) -> sa.Select[tuple[str]]:
    """Guids of the spaces whose content this user may read."""
    if who.sees_all:
        return sa.select(spaces.c.guid)
    mine = roles.c.user_guid == who.guid
    direct = sa.select(roles.c.space_guid).where(mine, roles.c.type.in_(SPACE_READERS))
    managed = sa.select(roles.c.organization_guid).where(mine, roles.c.type == "organization_manager")
    return sa.select(spaces.c.guid).where(sa.or_(spaces.c.guid.in_(direct), spaces.c.organization_guid.in_(managed)))


def visible_organizations(who: Identity) -> sa.Select[tuple[str]]:
    """Guids of the organizations this user knows of."""
    if who.sees_all:
        return sa.select(organizations.c.guid)
    mine = roles.c.user_guid == who.guid
    direct = sa.select(roles.c.organization_guid).where(mine, roles.c.organization_guid.is_not(None))
    through = sa.select(spaces.c.organization_guid).join(roles, roles.c.space_guid == spaces.c.guid).where(mine)
    return sa.select(organizations.c.guid).where(
        sa.or_(organizations.c.guid.in_(direct), organizations.c.guid.in_(through))
    )


@dataclass(frozen=True)
class Powers:
    """What a user may do in one space (or, with space roles away, in an organization)."""

    read: bool = False
    """See the space and what is in it."""
    develop: bool = False
    """Make, change and delete apps, routes and service instances."""
    operate: bool = False
    """Start, stop and scale apps, and map routes."""
    manage: bool = False
    """Change the space itself and its roles."""
    secrets: bool = False
    """See environments and credentials."""
    suspended: bool = False
    """The organization is suspended: only an admin may change anything."""


async def space_powers(db: Transaction, who: Identity, space: str) -> Powers | None:
    """What `who` may do in a space; None where there is no such space."""
    mine = sa.and_(
        roles.c.user_guid == who.guid,
        sa.or_(roles.c.space_guid == spaces.c.guid, roles.c.organization_guid == spaces.c.organization_guid),
    )
    held = sa.select(sa.func.coalesce(sa.func.array_agg(roles.c.type), sa.text("'{}'"))).where(mine).scalar_subquery()
    row = (
        await db.execute(
            sa.select(organizations.c.suspended, held.label("held"))
            .select_from(spaces.join(organizations))
            .where(spaces.c.guid == space)
        )
    ).first()
    return None if row is None else _powers(who, set(row.held), row.suspended)


def _powers(who: Identity, held: set[str], suspended: bool) -> Powers:
    if who.admin:
        return Powers(read=True, develop=True, operate=True, manage=True, secrets=True)
    manager = bool(held & {"organization_manager", "space_manager"})
    developer = "space_developer" in held
    write = who.may_write and not suspended
    return Powers(
        read=who.sees_all or "organization_manager" in held or bool(held & set(SPACE_READERS)),
        develop=developer and write,
        operate=bool(held & {"space_developer", "space_supporter"}) and write,
        manage=manager and write,
        secrets=developer or who.sees_secrets,
        suspended=suspended,
    )


async def organization_powers(db: Transaction, who: Identity, organization: str) -> Powers | None:
    """What `who` may do in an organization (`read`, `manage`); None where there is no such organization."""
    held = sa.select(sa.func.coalesce(sa.func.array_agg(roles.c.type), sa.text("'{}'"))).where(
        roles.c.user_guid == who.guid,
        sa.or_(
            roles.c.organization_guid == organization,
            roles.c.space_guid.in_(sa.select(spaces.c.guid).where(spaces.c.organization_guid == organization)),
        ),
    )
    row = (
        await db.execute(
            sa.select(organizations.c.suspended, held.scalar_subquery().label("held")).where(
                organizations.c.guid == organization
            )
        )
    ).first()
    if row is None:
        return None
    if who.admin:
        return Powers(read=True, develop=True, operate=True, manage=True, secrets=True)
    mine = set[str](row.held)
    return Powers(
        read=who.sees_all or bool(mine),
        manage="organization_manager" in mine and who.may_write and not row.suspended,
        suspended=row.suspended,
    )


async def need(call: Call, space: str, power: str = "read", what: str = "Space") -> Powers:
    """The user's powers in `space`; 404 `what` where it may not be read, 403 where `power` is missing."""
    powers = await space_powers(call.db, call.who, space)
    if powers is None or not powers.read:
        raise not_found(what)
    if not getattr(powers, power):
        if powers.suspended and power != "secrets":
            raise not_authorized("The organization is suspended")
        raise not_authorized()
    return powers


async def need_in(call: Call, table: sa.Table, guid: str, power: str = "read", what: str = "App") -> sa.Row[Any]:
    """The row of `table` (which has ``space_guid``) if the user has `power` in its space; 404 or 403 otherwise."""
    row = (await call.db.execute(sa.select(table).where(table.c.guid == guid))).first()
    if row is None:
        raise not_found(what)
    await need(call, row.space_guid, power, what)
    return row


def need_admin(call: Call) -> None:
    """403 unless the user is an admin."""
    if not call.who.admin:
        raise not_authorized()
