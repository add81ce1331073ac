"""Where a component's database is."""

from __future__ import annotations

import msgspec
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from paas.serve.config import ConfigError

DRIVER = "postgresql+psycopg"


class DatabaseConfig(msgspec.Struct, frozen=True, kw_only=True):
    """`url`: ``postgresql+psycopg://USER:PASSWORD@HOST:PORT/NAME``; with `ca` the server must show a certificate of it.

    `pool`: connections kept; as many again are opened under load. `patience`: seconds for which work is tried again while the server
    is away.
    """

    url: str
    ca: str = ""
    pool: int = 5
    patience: float = 30

    @property
    def place(self) -> str:
        """For messages: never the password."""
        url = make_url(self.url)
        return f"{url.database} at {url.host}:{url.port or 5432}"

    def check(self) -> None:
        """ConfigError where the URL is none of PostgreSQL's."""
        try:
            driver = make_url(self.url).drivername
        except ArgumentError:
            raise ConfigError("database.url is not a URL; write postgresql+psycopg://USER:PASSWORD@HOST/NAME") from None
        if driver != DRIVER:
            raise ConfigError(f"database.url begins with {driver}://; it must begin with {DRIVER}://")
