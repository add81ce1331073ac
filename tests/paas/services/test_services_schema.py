"""The migrations make what the code expects: a change of the tables without a migration fails here."""

from __future__ import annotations

from pathlib import Path

import paas.services
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from paas.database.migrate import migrate
from paas.services.external.schema import metadata as external
from paas.services.gateway.schema import metadata as gateway

from tests.contract.store.postgres_server import PostgresServer
from tests.paas.database.database_place import own_database

ROOM = Path(paas.services.__file__).parent


@pytest.mark.parametrize(("name", "metadata"), [("gateway", gateway), ("external", external)])
def test_the_migrations_make_the_schema(postgres: PostgresServer, name: str, metadata: sa.MetaData) -> None:
    with own_database(postgres) as database:
        engine = sa.create_engine(database.url)
        with engine.connect() as connection:
            migrate(connection, name, ROOM / name / "migrations")
            options = {"compare_type": True, "compare_server_default": True, "version_table": f"{name}_schema"}
            found = compare_metadata(MigrationContext.configure(connection, opts=options), metadata)
        engine.dispose()
    assert found == [], f"add a file to paas/services/{name}/migrations that makes this difference"
