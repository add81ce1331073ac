"""Variables that all apps have."""

from __future__ import annotations

from alembic import op

from paas.cloud_controller.schema import environment_variable_groups

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The table, where the first schema did not have it yet."""
    environment_variable_groups.create(op.get_bind(), checkfirst=True)
