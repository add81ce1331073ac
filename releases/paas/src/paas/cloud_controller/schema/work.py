"""What is still to be done, and what was done: jobs, messages to be sent, leases, audit events."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.schema.base import (
    NONE,
    NOW,
    guid_column,
    json,
    metadata,
    moment,
    number,
    optional,
    text,
    times,
)

jobs = sa.Table(
    "jobs",
    metadata,
    guid_column(),
    *times(),
    text("operation", None),
    text("state", "PROCESSING"),
    optional("resource_guid"),
    json("payload"),
    text("sealed"),
    json("errors", NONE),
    json("warnings", NONE),
    number("attempts"),
    number("fence"),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    optional("worker"),
    moment("leased_until"),
    text("user_guid"),
    sa.Index("jobs_waiting", "due_at", postgresql_where=sa.text("state IN ('PROCESSING', 'POLLING')")),
    comment="sealed is the part of the payload that holds secrets",
)

outbox = sa.Table(
    "outbox",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    text("kind", None),
    text("process_guid"),
    json("payload"),
    number("attempts"),
    sa.Column("created_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW),
    sa.Column("due_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW, index=True),
    comment="what the bus is to be told once the change it belongs to is committed; never holds a secret",
)

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    text("owner", None),
    sa.Column("until", sa.DateTime(timezone=True), nullable=False),
)

resources = sa.Table(
    "resources",
    metadata,
    sa.Column("sha1", sa.Text, primary_key=True),
    number("size"),
    sa.Column("used_at", sa.DateTime(timezone=True), nullable=False, server_default=NOW, index=True),
    comment="files of earlier packages that the blobstore keeps",
)

audit_events = sa.Table(
    "audit_events",
    metadata,
    guid_column(),
    *times(),
    text("type", None),
    text("actor_guid"),
    text("actor_type", "user"),
    text("actor_name"),
    text("target_guid"),
    text("target_type"),
    text("target_name"),
    json("data"),
    optional("space_guid"),
    optional("organization_guid"),
    sa.Index("audit_events_by_target", "target_guid", "created_at"),
    sa.Index("audit_events_by_space", "space_guid", "created_at"),
    sa.Index("audit_events_by_created_at", "created_at"),
    comment="no references: events outlive what they tell of",
)
