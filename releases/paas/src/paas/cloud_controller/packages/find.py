"""Finds what belongs to an app, if the user may see it."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.access import need
from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.errors import not_found
from paas.cloud_controller.schema import apps


async def need_of_app(call: Call, table: sa.Table, guid: str, power: str, what: str) -> sa.Row[Any]:
    """The row of `table` (which has ``app_guid``), with ``space_guid`` and ``app_name`` of its app; 404 or 403 otherwise."""
    row = (
        await call.db.execute(
            sa.select(table, apps.c.space_guid, apps.c.name.label("app_name"))
            .select_from(table.join(apps, apps.c.guid == table.c.app_guid))
            .where(table.c.guid == guid)
        )
    ).first()
    if row is None:
        raise not_found(what)
    await need(call, row.space_guid, power, what)
    return row
