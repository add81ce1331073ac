"""Makes and changes managed instances at their brokers: the jobs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.errors import not_found
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.broker.errors import BrokerError
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import service_instances
from paas.cloud_controller.services.failure import unable
from paas.cloud_controller.services.guard import guarded
from paas.cloud_controller.services.operation import is_now, moved
from paas.cloud_controller.services.orphans import remove_instance_later
from paas.cloud_controller.services.step import DONE, Step, later, overdue, unanswered
from paas.cloud_controller.services.target import InstanceTarget, instance_target


async def _target(platform: Platform, job: Job) -> InstanceTarget:
    async with platform.database.begin() as db:
        found = await instance_target(platform, db, job.resource_guid, job.user_guid)
    if found is None:
        raise not_found("Service instance")
    return found


async def _keep(platform: Platform, target: InstanceTarget, values: dict[str, Any]) -> None:
    async with platform.database.begin() as db:
        mine = service_instances.c.guid == target.row.guid
        await db.execute(sa.update(service_instances).where(mine).values(values))


async def provision(platform: Platform, job: Job) -> Outcome:
    """The job ``service_instance.create``."""
    target = await _target(platform, job)
    operation = target.row.last_operation
    if is_now(operation, "create", "succeeded"):
        return Done()
    if not is_now(operation, "create", "initial", "in progress"):
        raise unable("create", f"{operation.get('type')} in progress")
    try:
        step = await (_poll(platform, target) if operation.get("asked") else _ask(platform, target, job))
    except BrokerError as error:
        async with platform.database.begin() as db:
            values = {"last_operation": moved(operation, "failed", str(error))}
            mine = service_instances.c.guid == target.row.guid
            await db.execute(sa.update(service_instances).where(mine).values(values))
            if error.orphaned:
                await remove_instance_later(db, target)
        raise unable("provision", str(error)) from None
    if step.done:
        await _tell(platform, target, job, "create")
    return step.outcome()


async def _ask(platform: Platform, target: InstanceTarget, job: Job) -> Step:
    row = target.row
    body: dict[str, Any] = {
        "context": target.context(),
        "organization_guid": row.organization_guid,
        "space_guid": row.space_guid,
    }
    if parameters := platform.sealer.open(job.sealed):
        body["parameters"] = parameters
    if row.plan_catalog.get("maintenance_info"):
        body["maintenance_info"] = {"version": row.plan_catalog["maintenance_info"]["version"]}
    reply = await target.client.provision(target.instance, body)
    state = "succeeded" if reply.done else "in progress"
    operation = moved(row.last_operation, state, asked=not reply.done, operation=reply.operation)
    await _keep(platform, target, {"last_operation": operation, "dashboard_url": reply.body.dashboard_url})
    return DONE if reply.done else later(platform)


async def _poll(platform: Platform, target: InstanceTarget) -> Step:
    operation = target.row.last_operation
    if overdue(platform, operation, target.longest):
        why = "Service Broker failed to provision within the required time."
        async with platform.database.begin() as db:
            mine = service_instances.c.guid == target.row.guid
            values = {"last_operation": moved(operation, "failed", why)}
            await db.execute(sa.update(service_instances).where(mine).values(values))
            await remove_instance_later(db, target)
        raise unable("provision", why)
    try:
        polled = await target.client.instance_operation(target.instance, operation.get("operation", ""))
    except BrokerError as error:
        unanswered(error)
        return later(platform)
    if polled.gone or polled.state == "failed":
        why = polled.description or "The service broker reported failure and gave no reason."
        await _keep(platform, target, {"last_operation": moved(operation, "failed", why, asked=False)})
        raise unable("create managed", why)
    if polled.state == "in progress":
        await _keep(platform, target, {"last_operation": moved(operation, "in progress", polled.description)})
        return later(platform, polled)
    values: dict[str, Any] = {"last_operation": moved(operation, "succeeded", polled.description, asked=False)}
    await _keep(platform, target, {**values, **await _fetched(target)})
    return DONE


async def _fetched(target: InstanceTarget) -> dict[str, Any]:
    """What is known only once it is there; a broker that does not tell is not asked again."""
    if not target.row.offering_catalog.get("instances_retrievable"):
        return {}
    try:
        found = await target.client.fetch_instance(target.instance)
    except BrokerError as error:
        unanswered(error)
        return {}
    return {"dashboard_url": found.dashboard_url} if found.dashboard_url else {}


async def update(platform: Platform, job: Job) -> Outcome:
    """The job ``service_instance.update``. Payload: `change` (columns), `plan` (ids), `body` (of the request, beside parameters)."""
    target = await _target(platform, job)
    operation = target.row.last_operation
    if is_now(operation, "update", "succeeded"):
        return Done()
    if not is_now(operation, "update", "initial", "in progress"):
        raise unable("update", f"{operation.get('type')} in progress")
    try:
        step = await (
            _poll_update(platform, target, job) if operation.get("asked") else _ask_update(platform, target, job)
        )
    except BrokerError as error:
        await _keep(platform, target, {"last_operation": moved(operation, "failed", str(error))})
        raise unable("update", str(error)) from None
    if step.done:
        await _tell(platform, target, job, "update")
    return step.outcome()


async def _ask_update(platform: Platform, target: InstanceTarget, job: Job) -> Step:
    row = target.row
    body = {
        "context": target.context(job.payload["change"].get("name", "")),
        "previous_values": {
            "service_id": row.offering_unique_id,
            "plan_id": row.plan_unique_id,
            "organization_id": row.organization_guid,
            "space_id": row.space_guid,
            **({"maintenance_info": row.maintenance_info} if row.maintenance_info else {}),
        },
        **job.payload["body"],
    }
    if job.sealed:
        body["parameters"] = platform.sealer.open(job.sealed)
    instance = target.instance
    wanted = type(instance)(instance.guid, instance.service, job.payload["plan"])
    reply = await target.client.update(wanted, body)
    values: dict[str, Any] = {"dashboard_url": reply.body.dashboard_url} if reply.body.dashboard_url else {}
    state = "succeeded" if reply.done else "in progress"
    values["last_operation"] = moved(row.last_operation, state, asked=not reply.done, operation=reply.operation)
    if reply.done:
        values |= job.payload["change"]
    await _keep(platform, target, values)
    return DONE if reply.done else later(platform)


async def _poll_update(platform: Platform, target: InstanceTarget, job: Job) -> Step:
    operation = target.row.last_operation
    why = ""
    if overdue(platform, operation, target.longest):
        why = "Service Broker failed to update within the required time."
    else:
        try:
            polled = await target.client.instance_operation(target.instance, operation.get("operation", ""))
        except BrokerError as error:
            unanswered(error)
            return later(platform)
        if polled.gone or polled.state == "failed":
            why = polled.description or "The service broker reported failure and gave no reason."
        elif polled.state == "in progress":
            await _keep(platform, target, {"last_operation": moved(operation, "in progress", polled.description)})
            return later(platform, polled)
        else:
            done = {"last_operation": moved(operation, "succeeded", polled.description, asked=False)}
            await _keep(platform, target, {**done, **job.payload["change"], **await _fetched(target)})
            return DONE
    await _keep(platform, target, {"last_operation": moved(operation, "failed", why, asked=False)})
    raise unable("update", why)


async def _tell(platform: Platform, target: InstanceTarget, job: Job, verb: str) -> None:
    who = Identity(job.user_guid, job.payload.get("user_name", ""), frozenset())
    row = target.row
    async with platform.database.begin() as db:
        await record(
            db,
            who,
            f"audit.service_instance.{verb}",
            Target("service_instance", row.guid, row.name),
            space=row.space_guid,
        )


WORKS = {
    "service_instance.create": guarded(service_instances, provision),
    "service_instance.update": guarded(service_instances, update),
}
