"""Service brokers, what they offer, and what was made of it."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.schema.base import (
    NONE,
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

service_brokers = sa.Table(
    "service_brokers",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    text("url", None),
    text("credentials"),
    text("state", "available"),
    to("space_guid", "spaces", required=False),
    comment="credentials are sealed",
)

service_offerings = sa.Table(
    "service_offerings",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    to("broker_guid", "service_brokers"),
    text("unique_id", None),
    text("name", None),
    text("description"),
    flag("available", True),
    flag("bindable", True),
    json("tags", NONE),
    json("requires", NONE),
    flag("shareable", False),
    optional("documentation_url"),
    json("catalog"),
    sa.UniqueConstraint("broker_guid", "unique_id"),
    sa.Index("service_offerings_by_name", "name"),
    comment="catalog is the broker's own entry, without its plans",
)

service_plans = sa.Table(
    "service_plans",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    to("offering_guid", "service_offerings"),
    text("unique_id", None),
    text("name", None),
    text("description"),
    flag("free", True),
    flag("available", True),
    text("visibility", "admin"),
    json("catalog"),
    sa.UniqueConstraint("offering_guid", "unique_id"),
    sa.Index("service_plans_by_name", "name"),
    comment="visibility: public, admin, organization or space",
)

service_plan_organizations = sa.Table(
    "service_plan_organizations",
    metadata,
    sa.Column("plan_guid", sa.ForeignKey("service_plans.guid", ondelete="CASCADE"), primary_key=True),
    sa.Column("organization_guid", sa.ForeignKey("organizations.guid", ondelete="CASCADE"), primary_key=True),
)

service_instances = sa.Table(
    "service_instances",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    text("type", "managed"),
    text("name", None),
    to("space_guid", "spaces"),
    to("plan_guid", "service_plans", delete="RESTRICT", required=False),
    json("tags", NONE),
    text("credentials"),
    text("parameters"),
    optional("syslog_drain_url"),
    optional("route_service_url"),
    optional("dashboard_url"),
    json("maintenance_info"),
    json("last_operation"),
    sa.UniqueConstraint("space_guid", "name"),
    comment="credentials (of user-provided ones) and parameters are sealed",
)

service_instances_shared_spaces = sa.Table(
    "service_instances_shared_spaces",
    metadata,
    sa.Column("instance_guid", sa.ForeignKey("service_instances.guid", ondelete="CASCADE"), primary_key=True),
    sa.Column("space_guid", sa.ForeignKey("spaces.guid", ondelete="CASCADE"), primary_key=True),
)

service_bindings = sa.Table(
    "service_bindings",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    text("type", "app"),
    optional("name"),
    to("instance_guid", "service_instances"),
    to("app_guid", "apps", required=False),
    text("credentials"),
    text("parameters"),
    optional("syslog_drain_url"),
    json("volume_mounts", NONE),
    json("last_operation"),
    sa.UniqueConstraint("instance_guid", "app_guid"),
    comment="type app or key; credentials and parameters are sealed",
)
