"""Tasks as the API shows them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_one


def present_task(call: Call, row: sa.Row[Any], *, hidden: bool = False) -> dict[str, Any]:
    """One task; its command may hold secrets."""
    path = f"/v3/tasks/{row.guid}"
    fields: dict[str, Any] = {
        "sequence_id": row.sequence_id,
        "name": row.name,
        "state": row.state,
        "memory_in_mb": row.memory_in_mb,
        "disk_in_mb": row.disk_in_mb,
        "log_rate_limit_in_bytes_per_second": -1,
        "user": "vcap",
        "droplet_guid": row.droplet_guid,
        "result": {"failure_reason": row.failure_reason},
    }
    if not hidden:
        fields["command"] = row.command
    links = {
        "app": f"/v3/apps/{row.app_guid}",
        "droplet": f"/v3/droplets/{row.droplet_guid}",
        "cancel": call.link(f"{path}/actions/cancel", "POST"),
    }
    return resource(call, row, path, fields, {"app": to_one(row.app_guid)}, links)


async def present_hidden(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """Those of a list: without their commands."""
    return [present_task(call, row, hidden=True) for row in rows]
