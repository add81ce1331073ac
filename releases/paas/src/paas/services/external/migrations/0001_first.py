"""The first schema."""

from __future__ import annotations

from alembic import op

from paas.services.external.schema import metadata

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """All tables."""
    metadata.create_all(op.get_bind())
