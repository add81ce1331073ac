"""How a space is shown."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_one
from paas.cloud_controller.organizations.present import present as present_organization
from paas.cloud_controller.schema import organizations, spaces


def present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One row of spaces."""
    path = f"/v3/spaces/{row.guid}"
    links: dict[str, Any] = {
        "organization": f"/v3/organizations/{row.organization_guid}",
        "features": f"{path}/features",
        "apply_manifest": call.link(f"{path}/actions/apply_manifest", "POST"),
    }
    if row.quota_guid:
        links["quota"] = f"/v3/space_quotas/{row.quota_guid}"
    relationships = {"organization": to_one(row.organization_guid), "quota": to_one(row.quota_guid)}
    return resource(call, row, path, {"name": row.name}, relationships, links)


async def included(call: Call, guids: set[str], organization_too: bool) -> dict[str, list[dict[str, Any]]]:
    """For ``included``: these spaces, and their organizations where they are asked for."""
    found = (await call.db.execute(sa.select(spaces).where(spaces.c.guid.in_(guids)))).all()
    result = {"spaces": [present(call, row) for row in found]}
    if organization_too:
        result |= await included_organizations(call, found)
    return result


async def included_organizations(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """For ``included``: the organizations of rows that have ``organization_guid``."""
    guids = {row.organization_guid for row in rows if row.organization_guid}
    found = await call.db.execute(sa.select(organizations).where(organizations.c.guid.in_(guids)))
    return {"organizations": [present_organization(call, row) for row in found.all()]}
