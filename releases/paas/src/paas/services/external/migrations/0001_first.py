"""The first schema."""

from __future__ import annotations

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TABLES = """
CREATE TABLE external_instances (
    id TEXT PRIMARY KEY,
    service_id TEXT NOT NULL,
    plan_id TEXT NOT NULL,
    digest TEXT NOT NULL
);

CREATE TABLE external_bindings (
    id TEXT PRIMARY KEY,
    instance_id TEXT NOT NULL REFERENCES external_instances (id) ON DELETE CASCADE,
    digest TEXT NOT NULL
);
CREATE INDEX ix_external_bindings_instance_id ON external_bindings (instance_id);
"""


def upgrade() -> None:
    """All tables."""
    op.get_bind().exec_driver_sql(TABLES)
