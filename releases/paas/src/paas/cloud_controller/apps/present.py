"""Apps as the API shows them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_one


def present_app(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One app."""
    path = f"/v3/apps/{row.guid}"
    return resource(
        call,
        row,
        path,
        {
            "name": row.name,
            "state": row.state,
            "lifecycle": {
                "type": "buildpack",
                "data": {"buildpacks": row.buildpacks, "stack": row.stack or call.platform.config.defaults.stack},
            },
        },
        {"space": to_one(row.space_guid), "current_droplet": to_one(row.droplet_guid)},
        {
            "environment_variables": f"{path}/environment_variables",
            "space": f"/v3/spaces/{row.space_guid}",
            "processes": f"{path}/processes",
            "packages": f"{path}/packages",
            "current_droplet": f"{path}/droplets/current",
            "droplets": f"{path}/droplets",
            "tasks": f"{path}/tasks",
            "start": call.link(f"{path}/actions/start", "POST"),
            "stop": call.link(f"{path}/actions/stop", "POST"),
            "revisions": f"{path}/revisions",
            "deployed_revisions": f"{path}/revisions/deployed",
            "features": f"{path}/features",
        },
    )


async def present_apps(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """Several."""
    return [present_app(call, row) for row in rows]
