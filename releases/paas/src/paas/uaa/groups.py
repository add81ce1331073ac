"""Groups as they are kept: the name of a group is a scope that its members may have."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, insert, literal, select, update
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.exc import IntegrityError

from paas.database.transaction import Transaction
from paas.uaa.errors import invalid_resource, not_found, scim
from paas.uaa.schema import groups, members, users
from paas.uaa.users import outdated

COLUMNS = (
    groups.c.id,
    groups.c.name,
    groups.c.description,
    groups.c.created,
    groups.c.changed,
    groups.c.version,
)


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """One group."""

    id: str
    name: str
    description: str
    created: datetime
    changed: datetime
    version: int


class Member(msgspec.Struct, frozen=True, kw_only=True):
    """A user or a group in a group; also its JSON."""

    value: str
    type: str = "USER"
    origin: str = "uaa"


class Membership(msgspec.Struct, frozen=True, kw_only=True):
    """A group that a user is in; also its JSON."""

    value: str
    display: str
    type: str = "DIRECT"


def group_of(row: Row[tuple[object, ...]]) -> Group:
    """The group in a row that has `COLUMNS`."""
    mapping = row._mapping  # pyright: ignore[reportPrivateUsage]  # SQLAlchemy's documented name
    return Group(**{column.name: mapping[column.name] for column in COLUMNS})


async def group_by_id(transaction: Transaction, guid: str) -> Group:
    """The group; UaaError 404."""
    row = (await transaction.execute(select(*COLUMNS).where(groups.c.id == guid))).first()
    if row is None:
        raise not_found("Group", guid)
    return group_of(row)


async def groups_of(
    transaction: Transaction,
    where: ColumnElement[bool],
    order: Iterable[ColumnElement[object]],
    offset: int,
    limit: int,
) -> tuple[list[Group], int]:
    """Those of one page, and how many there are on all."""
    total = await transaction.scalar(select(func.count()).select_from(groups).where(where))
    rows = await transaction.execute(select(*COLUMNS).where(where).order_by(*order).offset(offset).limit(limit))
    return [group_of(row) for row in rows], total


async def add_group(transaction: Transaction, name: str, description: str) -> Group:
    """A new group; UaaError 409 where the name is taken."""
    values = {"id": str(uuid.uuid4()), "name": name, "description": description}
    try:
        row = (await transaction.execute(insert(groups).values(**values).returning(*COLUMNS))).one()
    except IntegrityError:
        raise _name_taken(name) from None
    return group_of(row)


async def change_group(transaction: Transaction, guid: str, name: str, description: str, version: int | None) -> Group:
    """Set name and description; UaaError 412 where the group has another version than `version` by now."""
    found = await group_by_id(transaction, guid)
    statement = update(groups).where(groups.c.id == guid)
    if version is not None:
        statement = statement.where(groups.c.version == version)
    values = {"name": name, "description": description, "version": groups.c.version + 1, "changed": func.now()}
    try:
        row = (await transaction.execute(statement.values(**values).returning(*COLUMNS))).first()
    except IntegrityError:
        raise _name_taken(name) from None
    if row is None:
        raise outdated("group", version, found.version)
    return group_of(row)


async def remove_group(transaction: Transaction, guid: str) -> None:
    """The group and what it is a member of."""
    await transaction.execute(delete(members).where(members.c.member_id == guid))
    await transaction.execute(delete(groups).where(groups.c.id == guid))


async def members_of(transaction: Transaction, guids: list[str]) -> dict[str, list[Member]]:
    """Of each of these groups, in one question."""
    statement = select(members).where(members.c.group_id.in_(guids)).order_by(members.c.member_id)
    found: dict[str, list[Member]] = defaultdict(list)
    for row in await transaction.execute(statement):
        found[row.group_id].append(Member(value=row.member_id, type=row.type, origin=row.origin))
    return found


async def add_member(transaction: Transaction, group: str, member: Member) -> bool:
    """False where it is one already; UaaError 400 where there is no such user or group."""
    if member.value == group:
        raise invalid_resource("A group cannot be a member of itself")
    table = {"USER": users, "GROUP": groups}.get(member.type)
    if table is None:
        raise invalid_resource(f"Invalid member type: {member.type}; it is USER or GROUP")
    if await transaction.scalar(select(table.c.id).where(table.c.id == member.value)) is None:
        raise invalid_resource(f"Invalid group member: {member.value}")
    values = {"group_id": group, "member_id": member.value, "type": member.type, "origin": member.origin}
    statement = upsert(members).values(**values).on_conflict_do_nothing().returning(members.c.member_id)
    return (await transaction.execute(statement)).first() is not None


async def remove_member(transaction: Transaction, group: str, member: str) -> Member | None:
    """Who was one; None where nobody was."""
    statement = delete(members).where(members.c.group_id == group, members.c.member_id == member).returning(members)
    row = (await transaction.execute(statement)).first()
    return None if row is None else Member(value=row.member_id, type=row.type, origin=row.origin)


async def memberships(transaction: Transaction, user_ids: list[str]) -> dict[str, list[Membership]]:
    """The groups that each of these users is in directly, in one question."""
    statement = (
        select(members.c.member_id, groups.c.id, groups.c.name)
        .join(groups, groups.c.id == members.c.group_id)
        .where(members.c.member_id.in_(user_ids))
        .order_by(groups.c.name)
    )
    found: dict[str, list[Membership]] = defaultdict(list)
    for row in await transaction.execute(statement):
        found[row.member_id].append(Membership(value=row.id, display=row.name))
    return found


async def scopes_of(transaction: Transaction, user_id: str) -> set[str]:
    """The names of all groups that a user is in, also by way of other groups; a ring of groups does no harm."""
    reached = select(members.c.group_id).where(members.c.member_id == literal(user_id)).cte("reached", recursive=True)
    reached = reached.union(select(members.c.group_id).join(reached, members.c.member_id == reached.c.group_id))
    rows = await transaction.scalars(select(groups.c.name).where(groups.c.id.in_(select(reached.c.group_id))))
    return set(rows)


def _name_taken(name: str) -> Exception:
    return scim(409, "scim_resource_already_exists", f"A group with displayName: {name} already exists.")
