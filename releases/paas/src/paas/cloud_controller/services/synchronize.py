"""Reads a broker's catalog and keeps it: the job behind making and changing a broker."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError

from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.broker.catalog import CatalogError, Plan, Service, read_catalog
from paas.cloud_controller.broker.errors import BrokerError
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import service_brokers, service_instances, service_offerings, service_plans
from paas.cloud_controller.services.failure import api_error
from paas.database.outage import passing
from paas.database.transaction import Transaction


async def synchronize(platform: Platform, job: Job) -> Outcome:
    """The job. A new broker whose catalog cannot be read is gone again; a known one stays as it was."""
    guid, new = job.resource_guid, bool(job.payload.get("new"))
    async with platform.database.begin() as db:
        row = (await db.execute(sa.select(service_brokers).where(service_brokers.c.guid == guid))).first()
    if row is None:
        raise ApiError(
            422,
            270011,
            "CF-ServiceBrokerGone",
            "The service broker was removed before the synchronization completed",
        )
    change: dict[str, Any] = dict(job.payload.get("change") or {})
    if job.sealed:
        change["credentials"] = job.sealed
    asked = {"name": row.name, "url": row.url, "credentials": row.credentials, **change}
    secret = platform.sealer.open(asked["credentials"])
    client = platform.brokers.client(asked["name"], asked["url"], secret["username"], secret["password"], job.user_guid)
    try:
        services = read_catalog(await client.catalog())
        async with platform.database.begin() as db:
            warnings = await _keep(db, row, services)
            values = {**change, "state": "available"}
            await db.execute(sa.update(service_brokers).where(service_brokers.c.guid == guid).values(values))
        return Done(warnings)
    except CatalogError as error:
        await _give_up(platform, guid, new)
        raise ApiError(502, 270012, "CF-ServiceBrokerCatalogInvalid", str(error)) from None
    except BrokerError as error:
        await _give_up(platform, guid, new)
        raise api_error(error) from None
    except Exception as error:
        # a database that is away comes back, and the job is tried again
        if not (isinstance(error, SQLAlchemyError) and passing(error)):
            await _give_up(platform, guid, new)
        raise


async def _give_up(platform: Platform, guid: str, new: bool) -> None:
    mine = service_brokers.c.guid == guid
    async with platform.database.begin() as db:
        if new:
            await db.execute(sa.delete(service_brokers).where(mine))
        else:
            await db.execute(sa.update(service_brokers).where(mine).values(state="available"))


async def _keep(db: Transaction, broker: sa.Row[Any], services: list[Service]) -> list[str]:
    """Put down what the catalog has; what it has no more goes, or stays unavailable while it is in use. Warnings."""
    kept_offerings: list[str] = []
    kept_plans: list[str] = []
    for service in services:
        offering = await _keep_service(db, broker.guid, service)
        kept_offerings.append(offering)
        kept_plans += [await _keep_plan(db, offering, plan, bool(broker.space_guid)) for plan in service.plans]
    return await _drop(db, broker, kept_offerings, kept_plans)


async def _keep_service(db: Transaction, broker: str, service: Service) -> str:
    values = {
        "name": service.name,
        "description": service.description,
        "available": True,
        "bindable": service.bindable,
        "tags": service.tags,
        "requires": service.requires,
        "shareable": service.shareable,
        "documentation_url": service.documentation_url,
        "catalog": service.entry,
    }
    put = insert(service_offerings).values(broker_guid=broker, unique_id=service.id, **values)
    put = put.on_conflict_do_update(
        index_elements=["broker_guid", "unique_id"], set_={**values, "updated_at": sa.func.clock_timestamp()}
    )
    return await db.scalar(put.returning(service_offerings.c.guid))


async def _keep_plan(db: Transaction, offering: str, plan: Plan, scoped: bool) -> str:
    values = {
        "name": plan.name,
        "description": plan.description,
        "free": plan.free,
        "available": True,
        "catalog": plan.entry,
    }
    visibility = "space" if scoped else "admin"
    put = insert(service_plans).values(offering_guid=offering, unique_id=plan.id, visibility=visibility, **values)
    put = put.on_conflict_do_update(
        index_elements=["offering_guid", "unique_id"], set_={**values, "updated_at": sa.func.clock_timestamp()}
    )
    return await db.scalar(put.returning(service_plans.c.guid))


async def _drop(db: Transaction, broker: sa.Row[Any], offerings: list[str], plans: list[str]) -> list[str]:
    mine = sa.select(service_offerings.c.guid).where(service_offerings.c.broker_guid == broker.guid)
    used = sa.exists().where(service_instances.c.plan_guid == service_plans.c.guid)
    missing = sa.and_(service_plans.c.offering_guid.in_(mine), service_plans.c.guid.not_in(plans))
    await db.execute(sa.delete(service_plans).where(missing, ~used))
    await db.execute(sa.update(service_plans).where(missing).values(available=False))
    held = sa.exists().where(service_plans.c.offering_guid == service_offerings.c.guid)
    unlisted = sa.and_(service_offerings.c.broker_guid == broker.guid, service_offerings.c.guid.not_in(offerings))
    await db.execute(sa.delete(service_offerings).where(unlisted, ~held))
    await db.execute(sa.update(service_offerings).where(unlisted).values(available=False))
    left = (
        sa.select(service_offerings.c.name, service_plans.c.name.label("plan"))
        .join(service_plans, service_plans.c.offering_guid == service_offerings.c.guid)
        .where(service_offerings.c.broker_guid == broker.guid, service_plans.c.available.is_(False))
        .order_by(service_offerings.c.name, service_plans.c.name)
    )
    by_service: dict[str, list[str]] = {}
    for row in (await db.execute(left)).all():
        by_service.setdefault(row.name, []).append(row.plan)
    if not by_service:
        return []
    listed = ". ".join(f"{name}: {', '.join(names)}" for name, names in by_service.items())
    return [
        f"The catalog of service broker '{broker.name}' has no longer: {listed}. These plans have instances, so they "
        "are kept, but not available for new ones; the broker must go on to bind, unbind and delete the instances."
    ]


async def delete(platform: Platform, job: Job) -> Outcome:
    """The job ``service_broker.delete``: fails where an instance was made meanwhile."""
    used = (
        sa.select(service_instances.c.guid)
        .join(service_plans, service_plans.c.guid == service_instances.c.plan_guid)
        .join(service_offerings, service_offerings.c.guid == service_plans.c.offering_guid)
        .where(service_offerings.c.broker_guid == job.resource_guid)
    )
    mine = service_brokers.c.guid == job.resource_guid
    async with platform.database.begin() as db:
        name = await db.scalar(sa.select(service_brokers.c.name).where(mine).with_for_update())
        if await db.scalar(used.limit(1)) is None:
            await db.execute(sa.delete(service_brokers).where(mine))
            return Done()
        await db.execute(sa.update(service_brokers).where(mine).values(state="available"))
    detail = f"Can not remove brokers that have associated service instances: {name}"
    raise ApiError(422, 270010, "CF-ServiceBrokerNotRemovable", detail)


WORKS = {"service_broker.catalog.synchronize": synchronize, "service_broker.delete": delete}
