"""What ran of an app, step by step, so that it may run again."""

from __future__ import annotations

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A table, and who refers to it."""
    op.get_bind().exec_driver_sql(
        """
        CREATE TABLE revisions (
            guid TEXT DEFAULT gen_random_uuid()::text NOT NULL,
            created_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
            updated_at TIMESTAMP WITH TIME ZONE DEFAULT clock_timestamp() NOT NULL,
            labels JSONB DEFAULT '{}'::jsonb NOT NULL,
            annotations JSONB DEFAULT '{}'::jsonb NOT NULL,
            app_guid TEXT NOT NULL,
            version BIGINT DEFAULT '1' NOT NULL,
            droplet_guid TEXT,
            environment TEXT DEFAULT '' NOT NULL,
            commands JSONB DEFAULT '{}'::jsonb NOT NULL,
            description TEXT DEFAULT '' NOT NULL,
            CONSTRAINT revisions_key PRIMARY KEY (guid),
            CONSTRAINT revisions_unique_app_guid_version UNIQUE (app_guid, version),
            CONSTRAINT revisions_app_guid_to_apps FOREIGN KEY(app_guid) REFERENCES apps (guid) ON DELETE CASCADE
        );
        CREATE INDEX revisions_by_app_guid ON revisions (app_guid);
        COMMENT ON TABLE revisions IS 'environment is sealed; commands are those that the user gave, by process type';
        ALTER TABLE processes ADD COLUMN revision_guid TEXT;
        ALTER TABLE deployments ADD COLUMN revision_guid TEXT;
        """
    )
