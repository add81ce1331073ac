"""Users as they are kept."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import datetime

import msgspec
from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from paas.database.transaction import Transaction
from paas.uaa.errors import not_found, scim
from paas.uaa.schema import members, users

ORIGIN = "uaa"
"""Of users whose password is kept here."""

COLUMNS = (
    users.c.id,
    users.c.name,
    users.c.origin,
    users.c.external_id,
    users.c.given_name,
    users.c.family_name,
    users.c.email,
    users.c.active,
    users.c.verified,
    users.c.password_changed,
    users.c.created,
    users.c.changed,
    users.c.version,
    users.c.last_logon,
    users.c.previous_logon,
)


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Without the password."""

    id: str
    name: str
    origin: str
    external_id: str
    given_name: str
    family_name: str
    email: str
    active: bool
    verified: bool
    password_changed: datetime
    created: datetime
    changed: datetime
    version: int
    last_logon: datetime | None
    previous_logon: datetime | None


class UserFields(msgspec.Struct, frozen=True, kw_only=True):
    """What a client may set."""

    name: str
    origin: str = ORIGIN
    external_id: str = ""
    given_name: str = ""
    family_name: str = ""
    email: str = ""
    active: bool = True
    verified: bool = True


def user_of(row: Row[tuple[object, ...]]) -> User:
    """The user in a row that has `COLUMNS`."""
    mapping = row._mapping  # pyright: ignore[reportPrivateUsage]  # SQLAlchemy's documented name
    return User(**{column.name: mapping[column.name] for column in COLUMNS})


async def user_by_id(transaction: Transaction, guid: str) -> User:
    """The user; UaaError 404."""
    row = (await transaction.execute(select(*COLUMNS).where(users.c.id == guid))).first()
    if row is None:
        raise not_found("User", guid)
    return user_of(row)


async def users_of(
    transaction: Transaction,
    where: ColumnElement[bool],
    order: Iterable[ColumnElement[object]],
    offset: int,
    limit: int,
) -> tuple[list[User], int]:
    """Those of one page, and how many there are on all."""
    total = await transaction.scalar(select(func.count()).select_from(users).where(where))
    rows = await transaction.execute(select(*COLUMNS).where(where).order_by(*order).offset(offset).limit(limit))
    return [user_of(row) for row in rows], total


async def add_user(
    transaction: Transaction, fields: UserFields, password: str | None, configured: str | None = None
) -> User:
    """A new user with this hash of a password; UaaError 409 where the name is taken."""
    values = {
        **msgspec.structs.asdict(fields),
        "id": str(uuid.uuid4()),
        "password": password,
        "configured_password": configured,
    }
    try:
        row = (await transaction.execute(insert(users).values(**values).returning(*COLUMNS))).one()
    except IntegrityError:
        raise name_taken(fields.name) from None
    return user_of(row)


async def change_user(transaction: Transaction, guid: str, fields: UserFields, version: int | None) -> User:
    """Set all fields; UaaError 412 where the user has another version than `version` by now."""
    found = await user_by_id(transaction, guid)
    values = msgspec.structs.asdict(fields)
    statement = update(users).where(users.c.id == guid)
    if version is not None:
        statement = statement.where(users.c.version == version)
    statement = statement.values(**values, version=users.c.version + 1, changed=func.now()).returning(*COLUMNS)
    try:
        row = (await transaction.execute(statement)).first()
    except IntegrityError:
        raise name_taken(fields.name) from None
    if row is None:
        raise outdated("user", version, found.version)
    return user_of(row)


async def remove_user(transaction: Transaction, guid: str) -> None:
    """The user, their memberships, tokens and codes."""
    await transaction.execute(delete(members).where(members.c.member_id == guid))
    await transaction.execute(delete(users).where(users.c.id == guid))


async def set_password(transaction: Transaction, guid: str, password: str) -> None:
    """A new hash; the account is locked no more."""
    values = {"password": password, "password_changed": func.now(), "failures": 0, "locked_until": None}
    await transaction.execute(update(users).where(users.c.id == guid).values(**values))


def name_taken(name: str) -> Exception:
    """For a name that another user has."""
    return scim(409, "scim_resource_already_exists", f"Username already in use: {name}")


def outdated(kind: str, given: int | None, found: int) -> Exception:
    """For an update of what somebody else has changed meanwhile."""
    text = f"Attempt to update a {kind} of version {given}, which has version {found} by now; get it again"
    return scim(412, "scim", text)
