"""How domains are shown."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.access import visible_organizations
from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_many, to_one
from paas.cloud_controller.schema import domains, domains_shared_organizations


async def present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """As resources, each with the organizations that it is shared with."""
    link = domains_shared_organizations
    select = sa.select(link).where(
        link.c.domain_guid.in_([row.guid for row in rows if row.organization_guid]),
        link.c.organization_guid.in_(visible_organizations(call.who)),
    )
    shared: dict[str, list[str]] = {}
    if any(row.organization_guid for row in rows):
        for row in (await call.db.execute(select)).all():
            shared.setdefault(row.domain_guid, []).append(row.organization_guid)
    return [_present(call, row, shared.get(row.guid, [])) for row in rows]


async def present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One."""
    return (await present_all(call, [row]))[0]


async def included_domains(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """For ``included``: the domains of rows that have ``domain_guid``."""
    found = await call.db.execute(sa.select(domains).where(domains.c.guid.in_({row.domain_guid for row in rows})))
    return {"domains": await present_all(call, found.all())}


def _present(call: Call, row: sa.Row[Any], shared: list[str]) -> dict[str, Any]:
    path = f"/v3/domains/{row.guid}"
    fields = {
        "name": row.name,
        "internal": row.internal,
        "router_group": None,
        "supported_protocols": ["http"],
    }
    links: dict[str, Any] = {"route_reservations": f"{path}/route_reservations"}
    if row.organization_guid:
        links["organization"] = f"/v3/organizations/{row.organization_guid}"
        links["shared_organizations"] = f"{path}/relationships/shared_organizations"
    relationships = {"organization": to_one(row.organization_guid), "shared_organizations": to_many(shared)}
    return resource(call, row, path, fields, relationships, links)
