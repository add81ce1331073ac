"""The migrations make what the code expects: a change of the tables without a migration fails here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from paas.cloud_controller.schema import metadata

from tests.paas.cloud_controller.controller import Controller

ADVICE = "add a file to paas/cloud_controller/migrations that makes this difference"


@pytest.fixture
def connection(controller: Controller) -> Iterator[sa.Connection]:
    engine = sa.create_engine(controller.config["database"]["url"])
    with engine.connect() as one:
        yield one
    engine.dispose()


def test_the_migrations_make_the_schema(connection: sa.Connection) -> None:
    options = {"compare_type": True, "version_table": "cloud_controller_schema"}
    assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == [], ADVICE


def test_the_migrations_make_the_defaults(connection: sa.Connection) -> None:
    inspector = sa.inspect(connection)
    for table in metadata.sorted_tables:
        made = {one["name"]: bare(one["default"]) for one in inspector.get_columns(table.name)}
        wanted = {one.name: bare(written(one)) for one in table.columns}
        assert made == wanted, f"{table.name}: {ADVICE}"


def written(column: sa.Column[object]) -> str | None:
    default = column.server_default
    return str(default.arg) if isinstance(default, sa.DefaultClause) else None


def bare(default: str | None) -> str | None:
    """Without what PostgreSQL adds: parentheses, and the type of a constant."""
    if default is None:
        return None
    return default.translate(str.maketrans("", "", "()'")).removesuffix("::text").removesuffix("::bigint")
