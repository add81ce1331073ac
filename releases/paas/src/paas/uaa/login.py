"""Checks a user's name and password, and locks an account at which somebody guesses."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from weakref import WeakValueDictionary

import structlog
from sqlalchemy import case, func, literal, or_, select, update

from paas.database.engine import Database
from paas.database.transaction import Transaction
from paas.uaa.config import Lockout
from paas.uaa.errors import LOCKED, bad_credentials
from paas.uaa.passwords import Passwords
from paas.uaa.schema import users
from paas.uaa.users import COLUMNS, ORIGIN, User, user_of

log = structlog.get_logger("uaa")


class Login:
    """Attempts at one account are made one after the other: of many at once none passes the limit."""

    def __init__(self, database: Database, passwords: Passwords, lockout: Lockout) -> None:
        self._database = database
        self._passwords = passwords
        self._lockout = lockout
        # in this process by a lock, so that an attack holds one connection; between processes by the row
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def check(self, name: str, password: str, wrong: str | None = None) -> User:
        """The user; UaaError 401 (`wrong`: its text) for a bad name or password, or a locked account."""
        lock = self._locks.setdefault(name.lower(), asyncio.Lock())
        async with lock:
            found = await self._database.run(lambda transaction: self._attempt(transaction, name, password))
        if isinstance(found, User):
            return found
        raise bad_credentials(LOCKED) if found == LOCKED else bad_credentials(*([wrong] if wrong else []))

    async def _attempt(self, transaction: Transaction, name: str, password: str) -> User | str:
        """A refusal is returned, not raised: what was counted must stay."""
        found = await transaction.execute(
            select(*COLUMNS, users.c.password, (users.c.locked_until > func.now()).label("locked"))
            .where(func.lower(users.c.name) == func.lower(literal(name)), users.c.origin == ORIGIN)
            .with_for_update()
        )
        row = found.first()
        if row is not None and row.locked:
            log.warning("login_locked", user=row.id)
            return LOCKED
        kept = row.password if row is not None and row.active else None
        if not await self._passwords.matches(kept, password) or row is None:
            if row is not None:
                await self._count(transaction, row.id)
            log.info("login_refused", user=row.id if row is not None else None)
            return ""
        values: dict[str, object] = {
            "failures": 0,
            "last_failure": None,
            "locked_until": None,
            "previous_logon": users.c.last_logon,
            "last_logon": func.now(),
        }
        if self._passwords.outdated(row.password):
            values["password"] = await self._passwords.hash(password)
        statement = update(users).where(users.c.id == row.id).values(**values).returning(*COLUMNS)
        return user_of((await transaction.execute(statement)).one())

    async def _count(self, transaction: Transaction, guid: str) -> None:
        old = or_(
            users.c.last_failure.is_(None),
            users.c.last_failure < func.now() - timedelta(seconds=self._lockout.window),
        )
        failures = case((old, 1), else_=users.c.failures + 1)
        full = failures >= self._lockout.failures
        until = func.now() + timedelta(seconds=self._lockout.seconds)
        await transaction.execute(
            update(users)
            .where(users.c.id == guid)
            .values(
                failures=case((full, 0), else_=failures),
                last_failure=func.now(),
                locked_until=case((full, until), else_=users.c.locked_until),
            )
        )
