"""What a manifest says of services: the app is bound to those that it is not bound to yet; other bindings stay."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET

from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.manifests.read import AppManifest, ServiceManifest
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, service_bindings, service_instances
from paas.cloud_controller.services.bind import bind_step, put_app_binding
from paas.cloud_controller.services.operation import going_on, is_now
from paas.cloud_controller.services.step import DONE, Step
from paas.database.transaction import Transaction


async def bind_services_step(platform: Platform, who: Identity, space: str, given: AppManifest) -> Step:
    """One step for one app. ApiError where a service is not there, or its broker will not."""
    if given.services is UNSET:
        return DONE
    steps = [await _bind(platform, who, space, given.name, one) for one in given.services]
    waiting = [step.after for step in steps if not step.done]
    return Step(False, min(waiting)) if waiting else DONE


async def _bind(platform: Platform, who: Identity, space: str, app: str, given: str | ServiceManifest) -> Step:
    wanted = ServiceManifest(name=given) if isinstance(given, str) else given
    async with platform.database.begin() as db:
        guid = await _binding(platform, db, who, space, app, wanted)
    return DONE if guid is None else await bind_step(platform, guid, who)


async def _binding(
    platform: Platform, db: Transaction, who: Identity, space: str, app: str, wanted: ServiceManifest
) -> str | None:
    """The binding to be gone on with; None where it is there."""
    row = (await db.execute(sa.select(apps).where(apps.c.space_guid == space, apps.c.name == app))).first()
    instance = await _instance(db, space, wanted.name)
    if row is None:
        raise unprocessable(f"The app '{app}' was deleted meanwhile")
    mine = sa.select(service_bindings).where(
        service_bindings.c.app_guid == row.guid, service_bindings.c.instance_guid == instance.guid
    )
    found = (await db.execute(mine)).first()
    if found is not None and not is_now(found.last_operation, "create", "failed"):
        return found.guid if going_on(found.last_operation) else None
    if instance.type == "user-provided" and wanted.parameters:
        raise unprocessable("Binding parameters are not supported for user-provided service instances")
    made = await put_app_binding(
        platform, db, who, instance, row, name=wanted.binding_name, parameters=wanted.parameters
    )
    return made.guid if going_on(made.last_operation) else None


async def _instance(db: Transaction, space: str, name: str) -> sa.Row[Any]:
    select = sa.select(service_instances).where(
        service_instances.c.space_guid == space, service_instances.c.name == name
    )
    row = (await db.execute(select)).first()
    if row is None:
        raise unprocessable(f"Service instance '{name}' not found: make it with `cf create-service`, or take it out")
    return row
