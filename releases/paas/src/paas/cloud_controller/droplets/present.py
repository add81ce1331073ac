"""Droplets as the API shows them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_one


def present_droplet(call: Call, row: sa.Row[Any], *, hidden: bool = False) -> dict[str, Any]:
    """One droplet."""
    path = f"/v3/droplets/{row.guid}"
    links: dict[str, Any] = {
        "app": f"/v3/apps/{row.app_guid}",
        "assign_current_droplet": call.link(f"/v3/apps/{row.app_guid}/relationships/current_droplet", "PATCH"),
        "download": f"{path}/download",
    }
    if row.package_guid:
        links["package"] = f"/v3/packages/{row.package_guid}"
    shown = {"redacted_message": "[PRIVATE DATA HIDDEN IN LISTS]"} if hidden else row.process_types
    return resource(
        call,
        row,
        path,
        {
            "state": row.state,
            "error": row.error,
            "lifecycle": {"type": "buildpack", "data": {}},
            "execution_metadata": "" if hidden else row.execution_metadata,
            "process_types": shown,
            "checksum": {"type": "sha256", "value": row.sha256} if row.sha256 else None,
            "buildpacks": row.buildpacks,
            "stack": row.stack,
            "image": None,
        },
        {"app": to_one(row.app_guid)},
        links,
    )


async def present_droplets(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """Those of a list: without their commands."""
    return [present_droplet(call, row, hidden=True) for row in rows]
