"""How routes are shown."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_many, to_one, when
from paas.cloud_controller.schema import destinations, domains

DEFAULT_PORT = 8080


def destination(row: sa.Row[Any]) -> dict[str, Any]:
    """One destination."""
    return {
        "guid": row.guid,
        "created_at": when(row.created_at),
        "updated_at": when(row.updated_at),
        "app": {"guid": row.app_guid, "process": {"type": row.process_type}},
        "weight": row.weight,
        "port": row.port or DEFAULT_PORT,
        "protocol": row.protocol,
    }


async def destinations_of(call: Call, guids: list[str]) -> dict[str, list[dict[str, Any]]]:
    """Route -> its destinations."""
    select = sa.select(destinations).where(destinations.c.route_guid.in_(guids)).order_by(destinations.c.created_at)
    found: dict[str, list[dict[str, Any]]] = {}
    for row in (await call.db.execute(select)).all():
        found.setdefault(row.route_guid, []).append(destination(row))
    return found


async def present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """As resources with their destinations."""
    led = await destinations_of(call, [row.guid for row in rows])
    select = sa.select(domains.c.guid, domains.c.name).where(domains.c.guid.in_({row.domain_guid for row in rows}))
    names = {row.guid: row.name for row in (await call.db.execute(select)).all()}
    return [_present(call, row, names[row.domain_guid], led.get(row.guid, [])) for row in rows]


async def present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One."""
    return (await present_all(call, [row]))[0]


def _present(call: Call, row: sa.Row[Any], domain: str, led: list[dict[str, Any]]) -> dict[str, Any]:
    path = f"/v3/routes/{row.guid}"
    fields = {
        "protocol": "http",
        "host": row.host,
        "path": row.path,
        "port": row.port,
        "url": f"{row.host}.{domain}{row.path}" if row.host else f"{domain}{row.path}",
        "destinations": led,
        "options": row.options,
    }
    relationships = {
        "space": to_one(row.space_guid),
        "domain": to_one(row.domain_guid),
        "shared_spaces": to_many([]),
    }
    links = {
        "space": f"/v3/spaces/{row.space_guid}",
        "destinations": f"{path}/destinations",
        "domain": f"/v3/domains/{row.domain_guid}",
    }
    return resource(call, row, path, fields, relationships, links)
