"""A deployment may bring another size and another number of instances."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """What was asked for, and how many instances there were before: so many come back where the deployment is canceled."""
    op.get_bind().exec_driver_sql(
        """
        ALTER TABLE deployments ADD COLUMN scale JSONB DEFAULT '{}'::jsonb NOT NULL;
        ALTER TABLE deployments ADD COLUMN previous_instances BIGINT DEFAULT '1' NOT NULL;
        UPDATE deployments SET previous_instances = wanted;
        """
    )
