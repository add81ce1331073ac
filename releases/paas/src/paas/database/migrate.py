"""Brings the schema of a component to its newest revision, all or nothing; of several processes one does it.

A component keeps its revisions as files of alembic in one folder, each named after its revision (``paas/COMPONENT/migrations/
0001_first.py`` has revision 0001). The revision reached is kept in the table ``COMPONENT_schema``, so that several components may share
a database. Alembic is loaded only when there is something to do.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sqlalchemy import Connection, text

from paas.serve.config import ConfigError


def migrate(connection: Connection, component: str, migrations: Path, target: str = "head") -> None:
    """Upgrade to `target` in the connection's transaction. ConfigError where the database has a revision that these files do not know."""
    table = f"{component}_schema"
    if target == "head" and _revision(connection, table) == _newest(migrations):
        return
    # who waits for another's migration waits for all of it
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(component)})
    _upgrade(connection, component, table, migrations, target)


def lock_key(name: str) -> int:
    """The number of an advisory lock by its name: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def _revision(connection: Connection, table: str) -> str | None:
    if connection.scalar(text("SELECT to_regclass(:name)"), {"name": table}) is None:
        return None
    return connection.scalar(text(f"SELECT version_num FROM {table}"))


def _newest(migrations: Path) -> str:
    return max(file.stem.partition("_")[0] for file in migrations.glob("[0-9]*.py"))


def _upgrade(connection: Connection, component: str, table: str, migrations: Path, target: str) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(migrations))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = table
    try:
        command.upgrade(config, target)
    except CommandError as error:
        raise ConfigError(
            f"the database of {component} has a schema that this version does not know ({error}); "
            "start the newer version again, or restore the database that belongs to this one"
        ) from error
