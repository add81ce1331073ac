"""SQL for one instance: its database, the roles around it, and its closing to writes.

Three kinds of roles. The owner holds the database and all objects in it, and nobody logs in as it. A binding's role logs
in and acts as the owner, so that what one app makes the next can use, and nothing is lost with a binding. The reader may
read and delete: bindings act as it while the instance is over its quota.
"""

from __future__ import annotations

from typing import Any, LiteralString

import psycopg
from psycopg.sql import SQL, Identifier, Literal

from paas.services.node.instance import Binding, Instance
from paas.services.postgres.engine import Engine

DEFAULT_CONNECTIONS = 20
DUPLICATES = (psycopg.errors.DuplicateObject, psycopg.errors.DuplicateDatabase)

OWN_SCHEMAS: LiteralString = """
    SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'
"""


def owner_of(name: str) -> str:
    """The role that owns the instance's objects."""
    return f"o{name}"


def reader_of(name: str) -> str:
    """The role of bindings while the instance is over its quota."""
    return f"r{name}"


async def close_own_databases(engine: Engine) -> None:
    """Apps have no business in the databases that every cluster has."""
    async with engine.admin() as admin:
        for name in ("postgres", "template1"):
            await _run(admin, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)


async def create(engine: Engine, instance: Instance) -> None:
    """The database with its roles, as far as it is not there yet."""
    name, owner, reader = instance.name, owner_of(instance.name), reader_of(instance.name)
    async with engine.admin() as admin:
        for role in (owner, reader):
            await _once(admin, "CREATE ROLE {} NOLOGIN", role)
        await _once(admin, "CREATE DATABASE {} OWNER {}", name, owner)
        connections = instance.limit("max_connections", DEFAULT_CONNECTIONS)
        await _run(admin, "REVOKE ALL ON DATABASE {} FROM PUBLIC", name)
        await _run(admin, "GRANT CONNECT ON DATABASE {} TO {}, {}", name, owner, reader)
        await _run(admin, "ALTER DATABASE {} CONNECTION LIMIT {}", name, connections)
        # sorting and joining may fill no more of the node's disk than the instance itself
        await _run(admin, "ALTER DATABASE {} SET temp_file_limit = {}", name, f"{instance.size}MB")


async def drop(engine: Engine, instance: Instance) -> None:
    """The database with all data, its connections and its roles."""
    async with engine.admin() as admin:
        await _run(admin, "DROP DATABASE IF EXISTS {} WITH (FORCE)", instance.name)
        bindings = [binding.username for binding in instance.bindings.values()]
        for role in (*bindings, reader_of(instance.name), owner_of(instance.name)):
            await _run(admin, "DROP ROLE IF EXISTS {}", role)


async def admit(engine: Engine, instance: Instance, binding: Binding, writes: bool) -> None:
    """A role that logs in and acts as the owner, or as the reader where writes are closed."""
    user = binding.username
    async with engine.admin(instance.name) as admin:
        # the engine gets the verifier and never the password, so none can reach its log
        verifier = admin.pgconn.encrypt_password(binding.password.encode(), user.encode(), b"scram-sha-256").decode()
        await _once(admin, "CREATE ROLE {} NOLOGIN", user)
        await _act_as(admin, user, instance.name, writes)
        await _run(admin, "ALTER ROLE {} LOGIN PASSWORD {}", user, Literal(verifier))


async def dismiss(engine: Engine, instance: Instance, binding: Binding) -> None:
    """The role goes; what it owns itself becomes the owner's."""
    user = binding.username
    async with engine.admin(instance.name) as admin:
        if not await _exists(admin, user):
            return
        await _run(admin, "ALTER ROLE {} NOLOGIN", user)
        await _disconnect(admin, [user])
        await _run(admin, "REASSIGN OWNED BY {} TO {}", user, owner_of(instance.name))
        await _run(admin, "DROP OWNED BY {}", user)
        await _run(admin, "DROP ROLE {}", user)


async def close_to_writes(engine: Engine, instance: Instance) -> None:
    """From now on bindings may only read and delete; connections end, as they act as the owner."""
    name, owner, reader = instance.name, owner_of(instance.name), reader_of(instance.name)
    users = [binding.username for binding in instance.bindings.values()]
    async with engine.admin(name) as admin:
        for user in users:
            await _run(admin, "ALTER ROLE {} NOLOGIN", user)
        await _disconnect(admin, users)
        for user in users:
            await _run(admin, "REASSIGN OWNED BY {} TO {}", user, owner)
        for (schema,) in await (await admin.execute(OWN_SCHEMAS)).fetchall():
            await _run(admin, "GRANT USAGE ON SCHEMA {} TO {}", schema, reader)
            await _run(admin, "GRANT SELECT, DELETE, TRUNCATE ON ALL TABLES IN SCHEMA {} TO {}", schema, reader)
            await _run(admin, "GRANT SELECT ON ALL SEQUENCES IN SCHEMA {} TO {}", schema, reader)
        for user in users:
            await _act_as(admin, user, name, False)
            await _run(admin, "ALTER ROLE {} LOGIN", user)


async def open_to_writes(engine: Engine, instance: Instance) -> None:
    """Bindings act as the owner again, with their next connection."""
    users = [binding.username for binding in instance.bindings.values()]
    async with engine.admin(instance.name) as admin:
        for user in users:
            await _act_as(admin, user, instance.name, True)
            await _run(admin, "ALTER ROLE {} LOGIN", user)
        await _disconnect(admin, users)


async def closed(engine: Engine) -> set[str]:
    """Names of the databases whose bindings act as readers."""
    async with engine.admin() as admin:
        members = await admin.execute(
            "SELECT DISTINCT substr(r.rolname, 2) FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid"
            " JOIN pg_database d ON r.rolname = 'r' || d.datname"
        )
        return {str(name) for (name,) in await members.fetchall()}


async def sizes(engine: Engine) -> dict[str, int]:
    """Bytes of each database."""
    async with engine.admin() as admin:
        rows = await admin.execute("SELECT datname, pg_database_size(oid) FROM pg_database")
        return {str(name): int(size) for name, size in await rows.fetchall()}


async def deleted_rows(engine: Engine, name: str) -> int:
    """How many rows were ever deleted in the database: when it grows, there is something to give back."""
    async with engine.admin(name) as admin:
        row = await (await admin.execute("SELECT coalesce(sum(n_tup_del), 0) FROM pg_stat_user_tables")).fetchone()
        return int(row[0]) if row else 0


async def compact(engine: Engine, name: str) -> None:
    """Give the room of deleted rows back to the disk."""
    async with engine.admin(name) as admin:
        await admin.execute("SET lock_timeout = '10s'")
        await admin.execute("VACUUM FULL")


async def _act_as(admin: psycopg.AsyncConnection, user: str, name: str, writes: bool) -> None:
    role, other = (owner_of(name), reader_of(name)) if writes else (reader_of(name), owner_of(name))
    await _run(admin, "REVOKE {} FROM {}", other, user)
    await _run(admin, "GRANT {} TO {}", role, user)
    await _run(admin, "ALTER ROLE {} SET role = {}", user, role)


async def _disconnect(admin: psycopg.AsyncConnection, users: list[str]) -> None:
    # waits until each has gone: one that still ran could write as the role that it had
    await admin.execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE usename = ANY(%s)", [users]
    )


async def _exists(admin: psycopg.AsyncConnection, role: str) -> bool:
    return await (await admin.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])).fetchone() is not None


async def _once(admin: psycopg.AsyncConnection, statement: LiteralString, *names: str) -> None:
    try:
        await _run(admin, statement, *names)
    except DUPLICATES:
        return


async def _run(admin: psycopg.AsyncConnection, statement: LiteralString, *parts: str | int | Literal) -> None:
    """Strings are names, quoted as such."""
    made: list[Any] = [Identifier(part) if isinstance(part, str) else part for part in parts]
    await admin.execute(SQL(statement).format(*made))
