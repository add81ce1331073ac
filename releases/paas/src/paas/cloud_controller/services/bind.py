"""Binds: puts a binding down, and takes the steps until the broker has given its credentials. For the API and for manifests."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from paas.cloud_controller.api.errors import not_found, uniqueness, unprocessable
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.broker.answers import Bound
from paas.cloud_controller.broker.errors import BrokerError
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.job import Job, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.quotas.enforce import check_service_keys
from paas.cloud_controller.schema import apps, service_bindings, service_instances
from paas.cloud_controller.services.failure import unable
from paas.cloud_controller.services.guard import guarded
from paas.cloud_controller.services.operation import begun, going_on, is_now, moved
from paas.cloud_controller.services.orphans import remove_binding_later
from paas.cloud_controller.services.present import bindable
from paas.cloud_controller.services.step import DONE, Step, later, overdue, unanswered
from paas.cloud_controller.services.target import BindingTarget, binding_target, instance_target
from paas.database.transaction import Transaction

NO_DRAIN = (
    "The service is attempting to stream logs from your application, but is not registered as a logging service. "
    "Please contact the service provider."
)


async def put_app_binding(
    platform: Platform,
    db: Transaction,
    who: Identity,
    instance: sa.Row[Any],
    app: sa.Row[Any],
    *,
    name: str | None = None,
    parameters: dict[str, Any] | None = None,
    labels: dict[str, Any] | None = None,
) -> sa.Row[Any]:
    """The new row: bound already where a user provided the instance, else to be gone on with by `bind_step`."""
    if app.space_guid != instance.space_guid:
        raise unprocessable("The service instance and the app are in different spaces")
    await _check_instance(platform, db, instance)
    await db.execute(sa.select(apps.c.guid).where(apps.c.guid == app.guid).with_for_update(key_share=True))
    mine = sa.select(service_bindings).where(service_bindings.c.app_guid == app.guid)
    for row in (await db.execute(mine)).all():
        if row.instance_guid == instance.guid:
            await _replace_failed(platform, db, row)
        elif name is not None and row.name == name:
            raise unprocessable(
                f"The binding name is invalid. App binding names must be unique. "
                f"The app already has a binding with name '{name}'."
            )
    values: dict[str, Any] = {"type": "app", "app_guid": app.guid, "name": name}
    return await _put(platform, db, who, instance, values, parameters, labels or {})


async def put_key(
    platform: Platform,
    db: Transaction,
    who: Identity,
    instance: sa.Row[Any],
    name: str,
    parameters: dict[str, Any] | None,
    labels: dict[str, Any],
) -> sa.Row[Any]:
    """The new row of a key, to be gone on with by `bind_step`."""
    if instance.type == "user-provided":
        raise unprocessable(
            "Service credential bindings of type 'key' are not supported for user-provided service instances."
        )
    await _check_instance(platform, db, instance)
    mine = sa.select(service_bindings).where(
        service_bindings.c.instance_guid == instance.guid,
        service_bindings.c.type == "key",
        service_bindings.c.name == name,
    )
    row = (await db.execute(mine)).first()
    if row is not None:
        if not is_now(row.last_operation, "create", "failed"):
            raise uniqueness(
                "The binding name is invalid. Key binding names must be unique. "
                f"The service instance already has a key binding with name '{name}'."
            )
        await _replace_failed(platform, db, row)
    new = await _put(platform, db, who, instance, {"type": "key", "name": name}, parameters, labels)
    await check_service_keys(db, instance.space_guid)
    return new


async def _check_instance(platform: Platform, db: Transaction, instance: sa.Row[Any]) -> None:
    """Locks it, so that of two keys of one name one is refused."""
    lock = sa.select(service_instances.c.guid).where(service_instances.c.guid == instance.guid)
    await db.execute(lock.with_for_update(key_share=True))
    if instance.type == "user-provided":
        return
    target = await instance_target(platform, db, instance.guid)
    if target is None or is_now(instance.last_operation, "create", "failed"):
        raise unprocessable("Service instance not found")
    if going_on(instance.last_operation):
        raise unprocessable("There is an operation in progress for the service instance")
    if not bindable(target.row.plan_catalog, target.row.offering_bindable):
        raise unprocessable("Service plan does not allow bindings.")


async def _replace_failed(platform: Platform, db: Transaction, row: sa.Row[Any]) -> None:
    if not is_now(row.last_operation, "create", "failed"):
        if is_now(row.last_operation, "create", "succeeded", "initial", "in progress"):
            raise unprocessable("The app is already bound to the service instance")
        raise unprocessable("The binding is getting deleted or its deletion failed: delete it, then bind again")
    target = await binding_target(platform, db, row.guid)
    if target is not None:
        await remove_binding_later(db, target)
    await db.execute(sa.delete(service_bindings).where(service_bindings.c.guid == row.guid))


async def _put(
    platform: Platform,
    db: Transaction,
    who: Identity,
    instance: sa.Row[Any],
    values: dict[str, Any],
    parameters: dict[str, Any] | None,
    labels: dict[str, Any],
) -> sa.Row[Any]:
    provided = instance.type == "user-provided"
    values |= {
        "instance_guid": instance.guid,
        "parameters": platform.sealer.seal(parameters),
        "last_operation": begun("create", "succeeded" if provided else "initial"),
        **labels,
    }
    row = (await db.execute(sa.insert(service_bindings).values(values).returning(service_bindings))).one()
    kind = "service_key" if row.type == "key" else "service_binding"
    verb = "create" if provided else "start_create"
    target = Target(kind, row.guid, row.name or "")
    data = {"request": {"service_instance": instance.guid, "app": row.app_guid}}
    await record(db, who, f"audit.{kind}.{verb}", target, space=instance.space_guid, data=data)
    return row


async def bind_step(platform: Platform, guid: str, who: Identity) -> Step:
    """One step of a binding that was put down. ApiError where the broker will not."""
    async with platform.database.begin() as db:
        target = await binding_target(platform, db, guid, who.guid)
    if target is None:
        raise not_found("Service credential binding")
    operation = target.row.last_operation
    if is_now(operation, "create", "succeeded"):
        return DONE
    if not is_now(operation, "create", "initial", "in progress"):
        raise unable("bind", f"{operation.get('type')} in progress")
    try:
        return await (_poll(platform, target) if operation.get("asked") else _ask(platform, target))
    except BrokerError as error:
        await _fail(platform, target, str(error), orphaned=error.orphaned)
        raise unable("bind", str(error)) from None


async def _ask(platform: Platform, target: BindingTarget) -> Step:
    row, of = target.row, target.of.row
    body: dict[str, Any] = {"context": target.of.context(), "bind_resource": {}}
    if row.app_guid:
        body["app_guid"] = row.app_guid
        body["bind_resource"] = {"app_guid": row.app_guid, "space_guid": of.space_guid}
    if parameters := platform.sealer.open(row.parameters):
        body["parameters"] = parameters
    reply = await target.of.client.bind(target.binding, body)
    if reply.done:
        return await _bound(platform, target, reply.body)
    if not of.offering_catalog.get("bindings_retrievable"):
        why = "The broker responded asynchronously but does not support fetching binding data"
        await _fail(platform, target, why, orphaned=True)
        raise unable("bind", why)
    await _keep(platform, target, moved(row.last_operation, "in progress", asked=True, operation=reply.operation))
    return later(platform)


async def _poll(platform: Platform, target: BindingTarget) -> Step:
    operation = target.row.last_operation
    if overdue(platform, operation, target.of.longest):
        why = "Service Broker failed to bind within the required time."
        await _fail(platform, target, why, orphaned=True)
        raise unable("bind", why)
    try:
        polled = await target.of.client.binding_operation(target.binding, operation.get("operation", ""))
    except BrokerError as error:
        unanswered(error)
        return later(platform)
    if polled.gone or polled.state == "failed":
        why = polled.description or "The service broker reported failure and gave no reason."
        await _fail(platform, target, why, orphaned=True)
        raise unable("bind", why)
    if polled.state == "in progress":
        await _keep(platform, target, moved(operation, "in progress", polled.description))
        return later(platform, polled)
    return await _bound(platform, target, await target.of.client.fetch_binding(target.binding))


async def _bound(platform: Platform, target: BindingTarget, bound: Bound) -> Step:
    why = ""
    if bound.syslog_drain_url and "syslog_drain" not in target.of.row.requires:
        why = NO_DRAIN
    elif bound.volume_mounts:
        why = "The service gives volumes, which this platform does not mount into apps."
    if why:
        await _fail(platform, target, why, orphaned=True)
        raise unable("bind", why)
    values = {
        "credentials": platform.sealer.seal(bound.credentials),
        "syslog_drain_url": bound.syslog_drain_url,
        "volume_mounts": msgspec.to_builtins(bound.volume_mounts or []),
        "last_operation": moved(target.row.last_operation, "succeeded", asked=False),
    }
    async with platform.database.begin() as db:
        mine = service_bindings.c.guid == target.row.guid
        await db.execute(sa.update(service_bindings).where(mine).values(values))
    return DONE


async def _keep(platform: Platform, target: BindingTarget, operation: dict[str, Any]) -> None:
    async with platform.database.begin() as db:
        mine = service_bindings.c.guid == target.row.guid
        await db.execute(sa.update(service_bindings).where(mine).values(last_operation=operation))


async def _fail(platform: Platform, target: BindingTarget, why: str, *, orphaned: bool) -> None:
    async with platform.database.begin() as db:
        mine = service_bindings.c.guid == target.row.guid
        operation = moved(target.row.last_operation, "failed", why, asked=False)
        await db.execute(sa.update(service_bindings).where(mine).values(last_operation=operation))
        if orphaned:
            await remove_binding_later(db, target)


async def work(platform: Platform, job: Job) -> Outcome:
    """The job ``service_bindings.create``."""
    who = Identity(job.user_guid, job.payload.get("user_name", ""), frozenset())
    return (await bind_step(platform, job.resource_guid, who)).outcome()


WORKS = {"service_bindings.create": guarded(service_bindings, work)}
