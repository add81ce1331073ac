"""Removes instances and bindings, at their brokers and here: steps that any job may take, again and again until they are done."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.broker.client import Polled, Reply
from paas.cloud_controller.broker.errors import BrokerError
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import service_bindings, service_instances
from paas.cloud_controller.services.failure import unable
from paas.cloud_controller.services.guard import guarded
from paas.cloud_controller.services.operation import begun, going_on, is_now, moved
from paas.cloud_controller.services.step import DONE, Step, later, overdue, unanswered
from paas.cloud_controller.services.target import BindingTarget, InstanceTarget, binding_target, instance_target


async def unbind_step(platform: Platform, guid: str, who: Identity) -> Step:
    """One step of removing a binding. ApiError where the broker will not."""
    async with platform.database.begin() as db:
        target = await binding_target(platform, db, guid, who.guid)
        if target is None:
            await db.execute(sa.delete(service_bindings).where(service_bindings.c.guid == guid))
            return DONE
        operation = _taken_over(target.row.last_operation, f"service binding '{guid}'")
        if operation is not target.row.last_operation:
            mine = service_bindings.c.guid == guid
            await db.execute(sa.update(service_bindings).where(mine).values(last_operation=operation))
    try:
        if operation.get("asked"):
            polled = await target.of.client.binding_operation(target.binding, operation.get("operation", ""))
            return await _polled(platform, service_bindings, target, operation, polled, "unbind")
        reply = await target.of.client.unbind(target.binding)
        return await _replied(platform, service_bindings, target, operation, reply)
    except BrokerError as error:
        return await _failed(platform, service_bindings, target, operation, error, "unbind")


async def deprovision_step(platform: Platform, guid: str, who: Identity) -> Step:
    """One step of removing an instance with its bindings. ApiError where the broker will not."""
    async with platform.database.begin() as db:
        bound = sa.select(service_bindings.c.guid).where(service_bindings.c.instance_guid == guid)
        bindings = list(await db.scalars(bound.order_by(service_bindings.c.created_at)))
    steps = [await unbind_step(platform, one, who) for one in bindings]
    if waiting := [step for step in steps if not step.done]:
        return min(waiting, key=lambda step: step.after)
    async with platform.database.begin() as db:
        target = await instance_target(platform, db, guid, who.guid)
        if target is None:
            await db.execute(sa.delete(service_instances).where(service_instances.c.guid == guid))
            return DONE
        operation = _taken_over(target.row.last_operation, f"service instance '{target.row.name}'")
        if operation is not target.row.last_operation:
            mine = service_instances.c.guid == guid
            await db.execute(sa.update(service_instances).where(mine).values(last_operation=operation))
    try:
        if operation.get("asked"):
            polled = await target.client.instance_operation(target.instance, operation.get("operation", ""))
            return await _polled(platform, service_instances, target, operation, polled, "delete")
        reply = await target.client.deprovision(target.instance)
        return await _replied(platform, service_instances, target, operation, reply)
    except BrokerError as error:
        return await _failed(platform, service_instances, target, operation, error, "delete")


def _taken_over(operation: dict[str, Any], what: str) -> dict[str, Any]:
    """The operation of removing; 409 while another one that cannot be cut short goes on."""
    if is_now(operation, "delete", "initial", "in progress"):
        return operation
    # what is being made in the background may be removed: the broker breaks off, or says that it is busy
    if going_on(operation) and not (operation.get("type") == "create" and operation.get("asked")):
        raise ApiError(
            409, 60016, "CF-AsyncServiceInstanceOperationInProgress", f"An operation for {what} is in progress."
        )
    return begun("delete", "in progress")


async def _replied(
    platform: Platform,
    table: sa.Table,
    target: InstanceTarget | BindingTarget,
    operation: dict[str, Any],
    reply: Reply[Any],
) -> Step:
    if reply.done:
        return await _gone(platform, table, target)
    kept = moved(operation, "in progress", asked=True, operation=reply.operation)
    await _keep(platform, table, target.row.guid, kept)
    return later(platform)


async def _polled(
    platform: Platform,
    table: sa.Table,
    target: InstanceTarget | BindingTarget,
    operation: dict[str, Any],
    polled: Polled,
    word: str,
) -> Step:
    if polled.state == "succeeded":
        return await _gone(platform, table, target)
    if polled.state == "in progress" and not overdue(platform, operation, _longest(target)):
        await _keep(platform, table, target.row.guid, moved(operation, "in progress", polled.description))
        return later(platform, polled)
    why = polled.description or "The service broker failed to do so, and gave no reason."
    await _keep(platform, table, target.row.guid, moved(operation, "failed", why, asked=False))
    raise unable(word, why)


async def _failed(
    platform: Platform,
    table: sa.Table,
    target: InstanceTarget | BindingTarget,
    operation: dict[str, Any],
    error: BrokerError,
    word: str,
) -> Step:
    if operation.get("asked") and not overdue(platform, operation, _longest(target)):
        unanswered(error)
        return later(platform)
    await _keep(platform, table, target.row.guid, moved(operation, "failed", str(error), asked=False))
    raise unable(word, str(error)) from None


def _longest(target: InstanceTarget | BindingTarget) -> float | None:
    return target.longest if isinstance(target, InstanceTarget) else target.of.longest


async def _keep(platform: Platform, table: sa.Table, guid: str, operation: dict[str, Any]) -> None:
    async with platform.database.begin() as db:
        await db.execute(sa.update(table).where(table.c.guid == guid).values(last_operation=operation))


async def _gone(platform: Platform, table: sa.Table, target: InstanceTarget | BindingTarget) -> Step:
    async with platform.database.begin() as db:
        await db.execute(sa.delete(table).where(table.c.guid == target.row.guid))
    return DONE


async def delete_instance(platform: Platform, job: Job) -> Outcome:
    """The job ``service_instance.delete``."""
    who = Identity(job.user_guid, job.payload.get("user_name", ""), frozenset())
    async with platform.database.begin() as db:
        row = (
            await db.execute(sa.select(service_instances).where(service_instances.c.guid == job.resource_guid))
        ).first()
    if row is None:
        return Done()
    step = await deprovision_step(platform, row.guid, who)
    if step.done:
        async with platform.database.begin() as db:
            target = Target("service_instance", row.guid, row.name)
            await record(db, who, "audit.service_instance.delete", target, space=row.space_guid)
    return step.outcome()


async def delete_binding(platform: Platform, job: Job) -> Outcome:
    """The job ``service_bindings.delete``."""
    who = Identity(job.user_guid, job.payload.get("user_name", ""), frozenset())
    return (await unbind_step(platform, job.resource_guid, who)).outcome()


WORKS = {
    "service_instance.delete": guarded(service_instances, delete_instance),
    "service_bindings.delete": guarded(service_bindings, delete_binding),
}
