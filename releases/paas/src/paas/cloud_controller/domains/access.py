"""Which domains may be seen and used by whom."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.api.access import visible_organizations
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.schema import domains, domains_shared_organizations


def visible(who: Identity) -> sa.ColumnElement[bool]:
    """Shared ones, and those of the user's organizations."""
    if who.sees_all:
        return sa.true()
    shared = sa.select(domains_shared_organizations.c.domain_guid).where(
        domains_shared_organizations.c.organization_guid.in_(visible_organizations(who))
    )
    return sa.or_(
        domains.c.organization_guid.is_(None),
        domains.c.organization_guid.in_(visible_organizations(who)),
        domains.c.guid.in_(shared),
    )


def usable_in(organization: str) -> sa.ColumnElement[bool]:
    """Those below which the organization may make routes."""
    shared = sa.select(domains_shared_organizations.c.domain_guid).where(
        domains_shared_organizations.c.organization_guid == organization
    )
    return sa.or_(
        domains.c.organization_guid.is_(None),
        domains.c.organization_guid == organization,
        domains.c.guid.in_(shared),
    )
