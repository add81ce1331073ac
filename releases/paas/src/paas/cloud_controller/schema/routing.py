"""Domains, routes and where they lead."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.schema.base import (
    flag,
    guid_column,
    json,
    labels,
    metadata,
    text,
    times,
    to,
)

domains = sa.Table(
    "domains",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    sa.Column("name", sa.Text, nullable=False, unique=True),
    flag("internal", False),
    to("organization_guid", "organizations", required=False),
)

domains_shared_organizations = sa.Table(
    "domains_shared_organizations",
    metadata,
    sa.Column("domain_guid", sa.ForeignKey("domains.guid", ondelete="CASCADE"), primary_key=True),
    sa.Column("organization_guid", sa.ForeignKey("organizations.guid", ondelete="CASCADE"), primary_key=True),
)

routes = sa.Table(
    "routes",
    metadata,
    guid_column(),
    *times(),
    *labels(),
    text("host"),
    text("path"),
    sa.Column("port", sa.Integer),
    json("options"),
    to("domain_guid", "domains", delete="RESTRICT"),
    to("space_guid", "spaces"),
    sa.UniqueConstraint("domain_guid", "host", "path"),
)

destinations = sa.Table(
    "destinations",
    metadata,
    guid_column(),
    *times(),
    to("route_guid", "routes"),
    to("app_guid", "apps"),
    text("process_type", "web"),
    sa.Column("port", sa.Integer),
    text("protocol", "http1"),
    sa.Column("weight", sa.Integer),
    sa.Index("destinations_once", "route_guid", "app_guid", "process_type", sa.text("coalesce(port, 0)"), unique=True),
)
