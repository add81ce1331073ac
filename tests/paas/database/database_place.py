"""A database of a test's own on the server that all tests share."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from paas.database.config import DatabaseConfig

if TYPE_CHECKING:
    from tests.contract.store.postgres_server import PostgresServer


@contextmanager
def own_database(server: PostgresServer, patience: float = 30) -> Iterator[DatabaseConfig]:
    """A new schema that stands for a database of its own, which takes the server far longer to make; dropped afterwards."""
    name = server.schema(f"paas_{secrets.token_hex(6)}")
    url = f"postgresql+psycopg://meristem@127.0.0.1:{server.port}/postgres?options=-csearch_path%3D{name}"
    try:
        yield DatabaseConfig(url=url, pool=3, patience=patience)
    finally:
        with server.connect() as connection:
            connection.execute(f'DROP SCHEMA "{name}" CASCADE')
