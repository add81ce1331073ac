"""Access tokens that were revoked, until they would have expired; and the clearing away of all that is past."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta

import structlog
from sqlalchemy import delete, exists, func, not_, select
from sqlalchemy.dialects.postgresql import insert

from paas.database.engine import Database
from paas.database.outage import DatabaseAwayError
from paas.database.transaction import Transaction
from paas.uaa.refresh_tokens import holds
from paas.uaa.schema import codes, refresh_tokens, revoked, users

log = structlog.get_logger("uaa")

SWEEP_SECONDS = 300


async def revoke_access(transaction: Transaction, jti: str, seconds: int) -> None:
    """For `seconds`, after which the token holds no more anyway."""
    values = {"jti": jti, "expires": func.now() + timedelta(seconds=seconds)}
    await transaction.execute(insert(revoked).values(**values).on_conflict_do_nothing())


async def stands(transaction: Transaction, jti: str, user_id: str) -> bool:
    """Whether a token that its signature bears out was not revoked, and its user (where it has one) is there and active."""
    good = not_(exists().where(revoked.c.jti == jti))
    if user_id:
        good &= exists().where(users.c.id == user_id, users.c.active)
    return bool(await transaction.scalar(select(good)))


async def sweep(database: Database, stop: asyncio.Event) -> None:
    """Now and every five minutes, until `stop`."""

    async def clear(transaction: Transaction) -> None:
        await transaction.execute(delete(revoked).where(revoked.c.expires <= func.now()))
        await transaction.execute(delete(codes).where(codes.c.expires <= func.now()))
        await transaction.execute(delete(refresh_tokens).where(not_(holds())))

    while not stop.is_set():
        try:
            await database.run(clear)
        except DatabaseAwayError as error:
            log.warning("sweep", error=str(error))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SWEEP_SECONDS):
                await stop.wait()
