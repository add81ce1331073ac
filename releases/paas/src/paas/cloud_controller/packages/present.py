"""Packages as the API shows them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_one


def present_package(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One package."""
    path = f"/v3/packages/{row.guid}"
    checksum = {"type": "sha256", "value": row.sha256 or None}
    return resource(
        call,
        row,
        path,
        {"type": row.type, "state": row.state, "data": {"error": row.error, "checksum": checksum}},
        {"app": to_one(row.app_guid)},
        {
            "app": f"/v3/apps/{row.app_guid}",
            "upload": call.link(f"{path}/upload", "POST"),
            "download": call.link(f"{path}/download", "GET"),
        },
    )


async def present_packages(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """Several."""
    return [present_package(call, row) for row in rows]
