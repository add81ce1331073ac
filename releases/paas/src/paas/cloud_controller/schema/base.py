"""What every resource's table has: guid, times, metadata."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

metadata = sa.MetaData(
    naming_convention={
        "ix": "%(table_name)s_by_%(column_0_N_name)s",
        "uq": "%(table_name)s_unique_%(column_0_N_name)s",
        "fk": "%(table_name)s_%(column_0_name)s_to_%(referred_table_name)s",
        "pk": "%(table_name)s_key",
    }
)

EMPTY = sa.text("'{}'::jsonb")
NONE = sa.text("'[]'::jsonb")
NOW = sa.text("clock_timestamp()")


def guid_column() -> sa.Column[str]:
    """The resource's name in the API: a UUID, given by the server."""
    return sa.Column("guid", sa.Text, primary_key=True, server_default=sa.text("gen_random_uuid()::text"))


def times() -> list[sa.Column[object]]:
    """When it was made and when it was changed last."""
    return [
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW, onupdate=NOW),
    ]


def labels() -> list[sa.Column[object]]:
    """The user's labels and annotations, each an object of strings."""
    return [
        sa.Column("labels", JSONB, nullable=False, server_default=EMPTY),
        sa.Column("annotations", JSONB, nullable=False, server_default=EMPTY),
    ]


def text(name: str, default: str | None = "") -> sa.Column[str]:
    """A text that is never NULL; with None as default one that must be given."""
    return sa.Column(name, sa.Text, nullable=False, server_default=None if default is None else sa.text(f"'{default}'"))


def flag(name: str, default: bool) -> sa.Column[bool]:
    """True or false."""
    return sa.Column(name, sa.Boolean, nullable=False, server_default=sa.true() if default else sa.false())


def number(name: str, default: int | None = 0) -> sa.Column[int]:
    """A whole number that is never NULL."""
    given = None if default is None else sa.text(f"'{default}'")
    return sa.Column(name, sa.BigInteger, nullable=False, server_default=given)


def json(name: str, default: sa.TextClause = EMPTY) -> sa.Column[object]:
    """A JSON document."""
    return sa.Column(name, JSONB, nullable=False, server_default=default)


def optional(name: str) -> sa.Column[str | None]:
    """A text or NULL."""
    return sa.Column(name, sa.Text)


def moment(name: str) -> sa.Column[object]:
    """A time or NULL."""
    return sa.Column(name, sa.DateTime(timezone=True))


def to(name: str, target: str, delete: str = "CASCADE", required: bool = True) -> sa.Column[str]:
    """A reference to the guid of another table, with an index; what refers goes with what is deleted unless said otherwise."""
    key = sa.ForeignKey(f"{target}.guid", ondelete=delete)
    return sa.Column(name, sa.Text, key, nullable=not required, index=True)
