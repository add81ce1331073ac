"""Rows without what is large in them, for listings; filled when a row is written."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    for table in ("tasks", "deployments", "instances", "vms"):
        op.add_column(table, sa.Column("brief", TEXT, nullable=True))
