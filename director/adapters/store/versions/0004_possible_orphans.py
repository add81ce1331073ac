"""Creations whose end nobody can tell."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "possible_orphans",
        sa.Column("key", TEXT, nullable=False),
        sa.Column("deployment", TEXT, nullable=True),
        sa.Column("body", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("key"),
    )
    op.create_index("possible_orphans_by_deployment", "possible_orphans", ["deployment", "key"], unique=False)
