"""What an app is given of its bindings: the entries of VCAP_SERVICES."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.broker.vcap import BoundService
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import service_bindings, service_instances, service_offerings, service_plans
from paas.database.transaction import Transaction


async def bound_services(platform: Platform, db: Transaction, app: str) -> list[BoundService]:
    """Those bindings of an app that have credentials, in the order of their making."""
    joined = (
        service_bindings.join(service_instances, service_instances.c.guid == service_bindings.c.instance_guid)
        .outerjoin(service_plans, service_plans.c.guid == service_instances.c.plan_guid)
        .outerjoin(service_offerings, service_offerings.c.guid == service_plans.c.offering_guid)
    )
    select = (
        sa.select(
            service_bindings,
            service_instances.c.name.label("instance_name"),
            service_instances.c.type.label("instance_type"),
            service_instances.c.credentials.label("instance_credentials"),
            service_instances.c.syslog_drain_url.label("instance_drain"),
            service_instances.c.tags.label("instance_tags"),
            service_plans.c.name.label("plan"),
            service_offerings.c.name.label("label"),
            service_offerings.c.tags.label("offering_tags"),
        )
        .select_from(joined)
        .where(service_bindings.c.app_guid == app)
        .order_by(service_bindings.c.created_at, service_bindings.c.guid)
    )
    return [_bound(platform, row) for row in (await db.execute(select)).all() if _has_credentials(row)]


def _has_credentials(row: sa.Row[Any]) -> bool:
    """A binding that is being made has none yet; one that is being removed still has."""
    operation = row.last_operation
    return operation.get("type") != "create" or operation.get("state") == "succeeded"


def _bound(platform: Platform, row: sa.Row[Any]) -> BoundService:
    provided = row.instance_type == "user-provided"
    return BoundService(
        instance_guid=row.instance_guid,
        instance_name=row.instance_name,
        binding_guid=row.guid,
        binding_name=row.name,
        credentials=platform.sealer.open(row.instance_credentials if provided else row.credentials),
        label=row.label or "",
        plan=row.plan or "",
        tags=list(dict.fromkeys([*(row.offering_tags or []), *row.instance_tags])),
        syslog_drain_url=row.instance_drain if provided else row.syslog_drain_url,
        volume_mounts=row.volume_mounts,
    )
