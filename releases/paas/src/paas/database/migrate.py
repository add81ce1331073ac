"""Brings the schema of a component to its newest revision, all or nothing; of several processes one does it.

A component keeps its revisions as files of alembic in one folder (``paas/COMPONENT/migrations/0001_first.py``, ...). The revision
reached is kept in the table ``COMPONENT_schema``, so that several components may share a database.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.util.exc import CommandError
from sqlalchemy import Connection, text

from paas.serve.config import ConfigError


def migrate(connection: Connection, component: str, migrations: Path, target: str = "head") -> None:
    """Upgrade to `target` in the connection's transaction. ConfigError where the database has a revision that these files do not know."""
    # who waits for another's migration waits for all of it
    connection.execute(text("SET LOCAL lock_timeout = 0"))
    connection.execute(text("SET LOCAL statement_timeout = 0"))
    connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key(component)})
    _upgrade(connection, component, migrations, target)


def lock_key(name: str) -> int:
    """The number of an advisory lock by its name: 64 bits, signed."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big", signed=True)


def _upgrade(connection: Connection, component: str, migrations: Path, target: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.set_main_option("path_separator", "os")
    config.set_main_option("version_locations", str(migrations))
    config.attributes["connection"] = connection
    config.attributes["version_table"] = f"{component}_schema"
    try:
        command.upgrade(config, target)
    except CommandError as error:
        raise ConfigError(
            f"the database of {component} has a schema that this version does not know ({error}); "
            "start the newer version again, or restore the database that belongs to this one"
        ) from error
