"""A managed instance or a binding with all that its broker is asked with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.broker.client import Binding, BrokerClient, Instance
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import (
    organizations,
    service_bindings,
    service_brokers,
    service_instances,
    service_offerings,
    service_plans,
    spaces,
)
from paas.database.transaction import Transaction


@dataclass(frozen=True)
class InstanceTarget:
    """`row`: the instance's columns, and of its plan, offering, broker, space and organization under the names below."""

    row: sa.Row[Any]
    client: BrokerClient

    @property
    def instance(self) -> Instance:
        """As its broker knows it."""
        return Instance(self.row.guid, self.row.offering_unique_id, self.row.plan_unique_id)

    def context(self, name: str = "") -> dict[str, Any]:
        """Of the platform, for the broker."""
        row = self.row
        return {
            "platform": "cloudfoundry",
            "organization_guid": row.organization_guid,
            "organization_name": row.organization_name,
            "space_guid": row.space_guid,
            "space_name": row.space_name,
            "instance_name": name or row.name,
        }

    @property
    def longest(self) -> float | None:
        """Seconds that the plan gives operations at most."""
        return self.row.plan_catalog.get("maximum_polling_duration")


@dataclass(frozen=True)
class BindingTarget:
    """A binding of a managed instance."""

    row: sa.Row[Any]
    of: InstanceTarget

    @property
    def binding(self) -> Binding:
        """As its broker knows it."""
        return Binding(self.row.guid, self.of.instance)


async def instance_target(platform: Platform, db: Transaction, guid: str, user: str = "") -> InstanceTarget | None:
    """None where it is gone, or a user provided it."""
    joined = (
        service_instances.join(service_plans, service_plans.c.guid == service_instances.c.plan_guid)
        .join(service_offerings, service_offerings.c.guid == service_plans.c.offering_guid)
        .join(service_brokers, service_brokers.c.guid == service_offerings.c.broker_guid)
        .join(spaces, spaces.c.guid == service_instances.c.space_guid)
        .join(organizations, organizations.c.guid == spaces.c.organization_guid)
    )
    select = (
        sa.select(
            service_instances,
            service_plans.c.unique_id.label("plan_unique_id"),
            service_plans.c.name.label("plan_name"),
            service_plans.c.catalog.label("plan_catalog"),
            service_plans.c.offering_guid,
            service_offerings.c.unique_id.label("offering_unique_id"),
            service_offerings.c.name.label("offering_name"),
            service_offerings.c.catalog.label("offering_catalog"),
            service_offerings.c.bindable.label("offering_bindable"),
            service_offerings.c.requires,
            service_brokers.c.name.label("broker_name"),
            service_brokers.c.url.label("broker_url"),
            service_brokers.c.credentials.label("broker_credentials"),
            spaces.c.name.label("space_name"),
            spaces.c.organization_guid,
            organizations.c.name.label("organization_name"),
        )
        .select_from(joined)
        .where(service_instances.c.guid == guid)
    )
    row = (await db.execute(select)).first()
    if row is None:
        return None
    secret = platform.sealer.open(row.broker_credentials)
    client = platform.brokers.client(row.broker_name, row.broker_url, secret["username"], secret["password"], user)
    return InstanceTarget(row, client)


async def binding_target(platform: Platform, db: Transaction, guid: str, user: str = "") -> BindingTarget | None:
    """None where it is gone, or a user provided its instance."""
    row = (await db.execute(sa.select(service_bindings).where(service_bindings.c.guid == guid))).first()
    if row is None:
        return None
    of = await instance_target(platform, db, row.instance_guid, user)
    return None if of is None else BindingTarget(row, of)
