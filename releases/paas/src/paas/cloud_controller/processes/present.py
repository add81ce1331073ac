"""Processes as the API shows them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_one

HIDDEN = "[PRIVATE DATA HIDDEN IN LISTS]"


def present_process(call: Call, row: sa.Row[Any], detected: str | None, *, hidden: bool = False) -> dict[str, Any]:
    """One process; `detected` is the command of its droplet, for where the user has given none."""
    path = f"/v3/processes/{row.guid}"
    command = row.command or detected
    return resource(
        call,
        row,
        path,
        {
            "version": row.version,
            "type": row.type,
            "command": (HIDDEN if hidden else command) if command else None,
            "user": "vcap",
            "instances": row.instances,
            "memory_in_mb": row.memory_in_mb,
            "disk_in_mb": row.disk_in_mb,
            "log_rate_limit_in_bytes_per_second": row.log_rate_limit,
            "health_check": check(row.health_check),
            "readiness_health_check": check(row.readiness_health_check),
        },
        {"app": to_one(row.app_guid), "revision": to_one(row.revision_guid) if row.revision_guid else None},
        {
            "scale": call.link(f"{path}/actions/scale", "POST"),
            "app": f"/v3/apps/{row.app_guid}",
            "space": f"/v3/spaces/{row.space_guid}",
            "stats": f"{path}/stats",
            "process_instances": f"{path}/process_instances",
        },
    )


def check(kept: dict[str, Any]) -> dict[str, Any]:
    """A health check with all its fields."""
    data: dict[str, Any] = {"timeout": None, "invocation_timeout": None, "interval": None, **(kept.get("data") or {})}
    kind = kept.get("type") or "process"
    if kind == "http":
        data["endpoint"] = data.get("endpoint") or "/"
    elif kind == "process":
        data.pop("invocation_timeout")
    return {"type": kind, "data": data}


async def present_hidden(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """Those of a list: without their commands."""
    return [present_process(call, row, row.detected, hidden=True) for row in rows]
