"""Finds processes, with what belongs to them: their space, and the command of their droplet."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.access import need
from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.errors import not_found
from paas.cloud_controller.schema import apps, droplets, processes


def select_processes() -> sa.Select[Any]:
    """Their columns, ``space_guid``, ``app_name``, ``app_state`` and ``detected``."""
    droplet = sa.func.coalesce(processes.c.droplet_guid, apps.c.droplet_guid)
    return sa.select(
        processes,
        apps.c.space_guid,
        apps.c.name.label("app_name"),
        apps.c.state.label("app_state"),
        droplets.c.process_types[processes.c.type].astext.label("detected"),
    ).select_from(
        processes.join(apps, apps.c.guid == processes.c.app_guid).outerjoin(droplets, droplets.c.guid == droplet)
    )


async def the_process(call: Call, power: str = "read", *, lock: bool = False) -> sa.Row[Any]:
    """That of the path: ``/v3/processes/{guid}``, or ``/v3/apps/{guid}/processes/{type}``."""
    select = select_processes()
    kind = call.request.path_params.get("type")
    if kind is None:
        select = select.where(processes.c.guid == call.path())
    else:
        select = select.where(
            processes.c.app_guid == call.path(), processes.c.type == kind, processes.c.deployment_guid.is_(None)
        )
    if lock:
        select = select.with_for_update(of=processes)
    row = (await call.db.execute(select)).first()
    if row is None:
        if kind is not None:
            known = await call.db.scalar(sa.select(apps.c.space_guid).where(apps.c.guid == call.path()))
            if known is None:
                raise not_found("App")
            await need(call, known, "read", "App")
        raise not_found("Process")
    await need(call, row.space_guid, power, "Process")
    return row
