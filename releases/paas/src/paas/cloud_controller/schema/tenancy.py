"""Organizations, spaces, who may do what in them, and how much."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.schema.base import (
    flag,
    guid_column,
    json,
    labels,
    metadata,
    optional,
    text,
    times,
    to,
)

organization_quotas = sa.Table(
    "organization_quotas",
    metadata,
    guid_column(),
    *times(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    json("apps"),
    json("services"),
    json("routes"),
    json("domains"),
    comment="limits as in the API: an absent or null one does not limit",
)

organizations = sa.Table(
    "organizations",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    flag("suspended", False),
    to("quota_guid", "organization_quotas", delete="RESTRICT", required=False),
)

space_quotas = sa.Table(
    "space_quotas",
    metadata,
    guid_column(),
    *times(),
    text("name", None),
    to("organization_guid", "organizations"),
    json("apps"),
    json("services"),
    json("routes"),
    sa.UniqueConstraint("organization_guid", "name"),
)

spaces = sa.Table(
    "spaces",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    text("name", None),
    to("organization_guid", "organizations"),
    to("quota_guid", "space_quotas", delete="SET NULL", required=False),
    flag("ssh_enabled", True),
    sa.UniqueConstraint("organization_guid", "name"),
)

users = sa.Table(
    "users",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    optional("username"),
    optional("origin"),
    comment="names are those that the UAA told last",
)

roles = sa.Table(
    "roles",
    metadata,
    guid_column(),
    *times(),
    text("type", None),
    to("user_guid", "users"),
    to("organization_guid", "organizations", required=False),
    to("space_guid", "spaces", required=False),
    sa.UniqueConstraint("user_guid", "organization_guid", "type"),
    sa.UniqueConstraint("user_guid", "space_guid", "type"),
)

feature_flags = sa.Table(
    "feature_flags",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    *times(),
    flag("enabled", False),
    optional("custom_error_message"),
    comment="only those that were changed; the others have the platform's defaults",
)

environment_variable_groups = sa.Table(
    "environment_variable_groups",
    metadata,
    sa.Column("name", sa.Text, primary_key=True, comment="running or staging"),
    *times(),
    text("variables"),
    comment="variables are sealed",
)

security_groups = sa.Table(
    "security_groups",
    metadata,
    guid_column(),
    *times(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    json("rules", sa.text("'[]'::jsonb")),
    flag("running_default", False),
    flag("staging_default", False),
)

security_groups_spaces = sa.Table(
    "security_groups_spaces",
    metadata,
    sa.Column("security_group_guid", sa.ForeignKey("security_groups.guid", ondelete="CASCADE"), primary_key=True),
    sa.Column("space_guid", sa.ForeignKey("spaces.guid", ondelete="CASCADE"), primary_key=True, index=True),
    sa.Column("phase", sa.Text, primary_key=True, comment="running or staging"),
)
