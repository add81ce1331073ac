"""How an organization is shown."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.present import resource, to_one


def present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One row of organizations."""
    path = f"/v3/organizations/{row.guid}"
    links: dict[str, Any] = {
        "domains": f"{path}/domains",
        "default_domain": f"{path}/domains/default",
    }
    if row.quota_guid:
        links["quota"] = f"/v3/organization_quotas/{row.quota_guid}"
    relationships = {"quota": to_one(row.quota_guid)}
    return resource(call, row, path, {"name": row.name, "suspended": row.suspended}, relationships, links)
