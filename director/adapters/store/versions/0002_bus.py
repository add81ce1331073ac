"""Whom the bus lets in."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for table in ("bus", "bus_agents", "bus_nodes"):
        op.create_table(
            table,
            sa.Column("key", TEXT, nullable=False),
            sa.Column("body", TEXT, nullable=False),
            sa.PrimaryKeyConstraint("key"),
        )
