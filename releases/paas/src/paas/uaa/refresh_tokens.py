"""Refresh tokens as they are kept: by name, so that they can be revoked; the token itself is with the client only."""

from __future__ import annotations

import uuid
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import ColumnElement, Row, and_, delete, func, insert, or_, select, update

from paas.database.transaction import Transaction
from paas.uaa.issue import REFRESH_SUFFIX
from paas.uaa.schema import refresh_tokens

OVERLAP = timedelta(seconds=60)
"""A token that was used holds that much longer: two commands of one user may use it at the same time."""

COLUMNS = tuple(column for column in refresh_tokens.c if column.name != "retires")


class Refresh(msgspec.Struct, frozen=True, kw_only=True):
    """What a refresh token stands for. `session` and `expires` are the same for all that follow from one log-in."""

    jti: str
    session: str
    user_id: str
    client_id: str
    scope: list[str]
    auth_time: datetime
    grant_type: str
    expires: datetime


async def begin_refresh(
    transaction: Transaction, user_id: str, client_id: str, scope: list[str], grant_type: str, seconds: int
) -> Refresh:
    """The first one after a log-in."""
    values = {
        "jti": uuid.uuid4().hex + REFRESH_SUFFIX,
        "session": uuid.uuid4().hex,
        "user_id": user_id,
        "client_id": client_id,
        "scope": scope,
        "grant_type": grant_type,
        "auth_time": func.now(),
        "expires": func.now() + timedelta(seconds=seconds),
    }
    return _refresh_of((await transaction.execute(insert(refresh_tokens).values(**values).returning(*COLUMNS))).one())


async def use_refresh(transaction: Transaction, jti: str) -> Refresh | None:
    """The token that follows this one; None where it has expired or was revoked."""
    found = await transaction.execute(select(*COLUMNS).where(refresh_tokens.c.jti == jti, holds()).with_for_update())
    row = found.first()
    if row is None:
        return None
    new = msgspec.structs.replace(_refresh_of(row), jti=uuid.uuid4().hex + REFRESH_SUFFIX)
    retires = func.coalesce(refresh_tokens.c.retires, func.now() + OVERLAP)
    await transaction.execute(update(refresh_tokens).where(refresh_tokens.c.jti == jti).values(retires=retires))
    await transaction.execute(insert(refresh_tokens).values(**msgspec.structs.asdict(new)))
    return new


async def revoke_refresh(transaction: Transaction, jti: str, user_id: str | None) -> bool:
    """All of the token's session; False where there is none, or (unless None) none of this user."""
    named = refresh_tokens.c.jti == jti
    if user_id is not None:
        named &= refresh_tokens.c.user_id == user_id
    sessions = select(refresh_tokens.c.session).where(named)
    return bool(
        (await transaction.execute(delete(refresh_tokens).where(refresh_tokens.c.session.in_(sessions)))).rowcount
    )


async def revoke_all_refresh(transaction: Transaction, user_id: str) -> None:
    """All of one user."""
    await transaction.execute(delete(refresh_tokens).where(refresh_tokens.c.user_id == user_id))


def holds() -> ColumnElement[bool]:
    """Of a token that can be used."""
    retires = refresh_tokens.c.retires
    return and_(refresh_tokens.c.expires > func.now(), or_(retires.is_(None), retires > func.now()))


def _refresh_of(row: Row[tuple[object, ...]]) -> Refresh:
    mapping = row._mapping  # pyright: ignore[reportPrivateUsage]  # SQLAlchemy's documented name
    return Refresh(**{column.name: mapping[column.name] for column in COLUMNS})
