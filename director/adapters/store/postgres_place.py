"""Where a PostgreSQL database is and how one connects to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from director.model.errors import BadRequest

# a director that was stopped (not killed) inside a transaction would hold the others up; the server ends its session after this long
SESSION = "-c idle_in_transaction_session_timeout=5000 -c lock_timeout=15000"


@dataclass(frozen=True)
class PostgresPlace:
    """``parameters`` are libpq's (host, port, dbname, user, password, sslmode, ...); ``wait`` seconds is how long calls wait for a server
    that is away."""

    parameters: dict[str, Any] = field(default_factory=dict[str, Any], repr=False)
    wait: float = 30

    @property
    def name(self) -> str:
        """For messages: never the password."""
        known = self.parameters
        return f"{known.get('dbname', '')} at {known.get('host', 'the local socket')}:{known.get('port', 5432)}"

    def arguments(self) -> dict[str, Any]:
        """What a connection is made with: the place's own parameters over the defaults. Raises for a name that libpq does not know."""
        psycopg = _psycopg()
        known = {one.keyword.decode() for one in psycopg.pq.Conninfo.get_defaults()}
        strange = sorted(self.parameters.keys() - known)
        if strange:
            raise BadRequest(
                f"db.connection_options: {', '.join(strange)} is no connection parameter of PostgreSQL",
                remedy="Give libpq's names, such as connect_timeout, application_name, sslmode, target_session_attrs or options.",
            )
        defaults = {
            "application_name": "meristem-director",
            "connect_timeout": 10,
            "target_session_attrs": "read-write",
            "keepalives_idle": 5,
            "keepalives_interval": 5,
            "keepalives_count": 3,
            "tcp_user_timeout": 15000,
        }
        options = f"{SESSION} {self.parameters.get('options', '')}".strip()
        return {**defaults, **self.parameters, "options": options}

    def engine(self) -> Engine:
        """Connections are kept by those who use them. Writes see what is committed; the writers' lock makes them one after the other."""
        psycopg, arguments = _psycopg(), self.arguments()
        return create_engine(
            "postgresql+psycopg://",
            creator=lambda: psycopg.connect(**arguments),
            poolclass=NullPool,
            isolation_level="READ COMMITTED",
        )


def _psycopg() -> Any:
    try:
        import psycopg
    except ImportError as error:
        raise BadRequest(
            f"db.adapter is postgres, and its driver cannot be loaded: {error}",
            remedy="Install the extra 'postgres' (psycopg with its binary part).",
        ) from None
    return psycopg
