"""How bindings are shown."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_one
from paas.cloud_controller.apps.present import present_app
from paas.cloud_controller.schema import apps, service_instances
from paas.cloud_controller.services.instance_present import present_all as present_instances
from paas.cloud_controller.services.operation import shown
from paas.cloud_controller.services.present import by_guid


def present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One row of service_bindings."""
    path = f"/v3/service_credential_bindings/{row.guid}"
    fields = {"name": row.name, "type": row.type, "last_operation": shown(row.last_operation)}
    relationships = {"service_instance": to_one(row.instance_guid)}
    links = {
        "details": f"{path}/details",
        "parameters": f"{path}/parameters",
        "service_instance": f"/v3/service_instances/{row.instance_guid}",
    }
    if row.app_guid:
        relationships["app"] = to_one(row.app_guid)
        links["app"] = f"/v3/apps/{row.app_guid}"
    return resource(call, row, path, fields, relationships, links)


async def present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """As resources."""
    return [present(call, row) for row in rows]


async def included_apps(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """``include=app``."""
    found = await by_guid(call, apps, {row.app_guid for row in rows if row.app_guid})
    return {"apps": [present_app(call, row) for row in found]}


async def included_instances(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """``include=service_instance``."""
    found = await by_guid(call, service_instances, {row.instance_guid for row in rows})
    return {"service_instances": await present_instances(call, found)}
