"""At the start: groups and users of the configuration are made where they are missing. Of several processes one does it at a time."""

from __future__ import annotations

import structlog
from sqlalchemy import func, select, text, update

from paas.database.engine import Database
from paas.database.migrate import lock_key
from paas.database.transaction import Transaction
from paas.uaa.config import UaaConfig, UserConfig
from paas.uaa.groups import Member, add_group, add_member
from paas.uaa.passwords import Passwords
from paas.uaa.refresh_tokens import revoke_all_refresh
from paas.uaa.schema import groups, users
from paas.uaa.users import ORIGIN, UserFields, add_user, set_password

log = structlog.get_logger("uaa")

LOCK = lock_key("uaa.bootstrap")


async def bootstrap(config: UaaConfig, database: Database, passwords: Passwords) -> None:
    """What is there already stays; a user's password is set again only where it has changed in the configuration."""

    async def work(transaction: Transaction) -> None:
        await transaction.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        ids = await _groups(config, transaction)
        for user in config.users:
            guid = await _user(user, transaction, passwords)
            for name in user.groups:
                await add_member(transaction, ids[name], Member(value=guid))

    await database.run(work)


async def _groups(config: UaaConfig, transaction: Transaction) -> dict[str, str]:
    wanted = {name: "" for client in config.clients.values() for name in client.scope}
    wanted |= dict.fromkeys(config.default_groups, "") | {name: "" for user in config.users for name in user.groups}
    wanted |= config.groups
    found = await transaction.execute(select(groups.c.name, groups.c.id))
    ids: dict[str, str] = {row.name: row.id for row in found}
    for name in sorted(wanted.keys() - ids.keys()):
        ids[name] = (await add_group(transaction, name, wanted[name])).id
        log.info("group_made", group=name)
    return ids


async def _user(user: UserConfig, transaction: Transaction, passwords: Passwords) -> str:
    statement = select(users.c.id, users.c.configured_password).where(
        func.lower(users.c.name) == user.name.lower(), users.c.origin == ORIGIN
    )
    row = (await transaction.execute(statement)).first()
    if row is None:
        fields = UserFields(
            name=user.name,
            email=user.email or user.name,
            given_name=user.given_name or user.name,
            family_name=user.family_name or user.name,
        )
        kept = await passwords.hash(user.password)
        made = await add_user(transaction, fields, kept, configured=kept)
        log.info("user_made", user=made.id)
        return made.id
    if row.configured_password is None or not await passwords.matches(row.configured_password, user.password):
        kept = await passwords.hash(user.password)
        await set_password(transaction, row.id, kept)
        await transaction.execute(update(users).where(users.c.id == row.id).values(configured_password=kept))
        await revoke_all_refresh(transaction, row.id)
        log.info("user_password_set", user=row.id)
    return row.id
