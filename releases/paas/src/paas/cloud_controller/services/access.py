"""Which plans may be seen and used by whom."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.api.access import visible_organizations, visible_spaces
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.schema import (
    service_brokers,
    service_instances,
    service_offerings,
    service_plan_organizations,
    service_plans,
    spaces,
)


def visible_plans(who: Identity) -> sa.ColumnElement[bool]:
    """Public ones, those enabled for the user's organizations, those of brokers of the user's spaces, and those in use there."""
    if who.sees_all:
        return sa.true()
    mine = sa.select(service_instances.c.plan_guid).where(
        service_instances.c.space_guid.in_(visible_spaces(who)), service_instances.c.plan_guid.is_not(None)
    )
    return sa.or_(
        service_plans.c.visibility == "public",
        _enabled_for(visible_organizations(who)),
        _of_brokers_in(visible_spaces(who)),
        service_plans.c.guid.in_(mine),
    )


def usable_in(spaces_of: sa.Select[tuple[str]], organizations_of: sa.Select[tuple[str]]) -> sa.ColumnElement[bool]:
    """Plans from which instances may be made in (one of) these spaces, which are in these organizations."""
    return sa.or_(service_plans.c.visibility == "public", _enabled_for(organizations_of), _of_brokers_in(spaces_of))


def usable_in_spaces(guids: list[str]) -> sa.ColumnElement[bool]:
    """As `usable_in`, by the spaces' guids."""
    mine = spaces.c.guid.in_(guids)
    return usable_in(sa.select(spaces.c.guid).where(mine), sa.select(spaces.c.organization_guid).where(mine))


def usable_in_organizations(guids: list[str]) -> sa.ColumnElement[bool]:
    """As `usable_in`, in any of the organizations' spaces."""
    mine = spaces.c.organization_guid.in_(guids)
    enabled = sa.select(service_plan_organizations.c.plan_guid).where(
        service_plan_organizations.c.organization_guid.in_(guids)
    )
    return sa.or_(
        service_plans.c.visibility == "public",
        sa.and_(service_plans.c.visibility == "organization", service_plans.c.guid.in_(enabled)),
        _of_brokers_in(sa.select(spaces.c.guid).where(mine)),
    )


def _enabled_for(organizations: sa.Select[tuple[str]]) -> sa.ColumnElement[bool]:
    enabled = sa.select(service_plan_organizations.c.plan_guid).where(
        service_plan_organizations.c.organization_guid.in_(organizations)
    )
    return sa.and_(service_plans.c.visibility == "organization", service_plans.c.guid.in_(enabled))


def _of_brokers_in(spaces_of: sa.Select[tuple[str]]) -> sa.ColumnElement[bool]:
    offered = (
        sa.select(service_offerings.c.guid)
        .join(service_brokers, service_brokers.c.guid == service_offerings.c.broker_guid)
        .where(service_brokers.c.space_guid.in_(spaces_of))
    )
    return sa.and_(service_plans.c.visibility == "space", service_plans.c.offering_guid.in_(offered))
