"""Making and upgrading the schema. Alembic is loaded only when there is something to do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from director.adapters.store.schema import HEAD, metadata
from director.model.errors import DirectorError

_HERE = Path(__file__).parent


def create(engine: Engine) -> None:
    """The newest schema at once, for a database that lives only in memory."""
    with engine.begin() as connection:
        metadata.create_all(connection)


def revision(engine: Engine) -> str | None:
    """The schema's revision; None for an empty database."""
    with engine.begin() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()


def upgrade(engine: Engine, target: str = "head", lock: Callable[[Connection], None] | None = None) -> None:
    """Bring the database to the newest revision, all or nothing; ``lock`` keeps others out meanwhile (they find it done)."""
    found = revision(engine)
    if found == HEAD:
        return
    from alembic import command
    from alembic.config import Config
    from alembic.util.exc import CommandError

    config = Config()
    config.set_main_option("script_location", str(_HERE))
    with engine.begin() as connection:
        if lock is not None:
            lock(connection)
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, target)
        except CommandError as error:
            raise DirectorError(
                f"The database has schema revision {found}, which this director does not know ({HEAD} is its newest)",
                remedy="Start the newer director again, or restore the database that belongs to this one.",
            ) from error
