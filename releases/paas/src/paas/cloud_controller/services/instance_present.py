"""How service instances are shown, and what ``fields`` includes beside them."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_one
from paas.cloud_controller.organizations.present import present as present_organization
from paas.cloud_controller.schema import organizations, service_plans, spaces
from paas.cloud_controller.services import present
from paas.cloud_controller.services.operation import shown
from paas.cloud_controller.services.pick import picked
from paas.cloud_controller.spaces.present import present as present_space


async def present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """As resources."""
    select = sa.select(service_plans.c.guid, service_plans.c.catalog).where(
        service_plans.c.guid.in_({row.plan_guid for row in rows if row.plan_guid})
    )
    catalogs = {row.guid: row.catalog for row in (await call.db.execute(select)).all()}
    return [_managed(call, row, catalogs[row.plan_guid]) if row.plan_guid else _provided(call, row) for row in rows]


async def present_one(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One."""
    return (await present_all(call, [row]))[0]


def _common(call: Call, row: sa.Row[Any], fields: dict[str, Any], more: dict[str, Any], plan: Any) -> dict[str, Any]:
    path = f"/v3/service_instances/{row.guid}"
    given = {
        "name": row.name,
        "type": row.type,
        "tags": row.tags,
        "last_operation": shown(row.last_operation),
        **fields,
    }
    links = {
        "space": f"/v3/spaces/{row.space_guid}",
        "service_credential_bindings": f"/v3/service_credential_bindings?service_instance_guids={row.guid}",
        "service_route_bindings": f"/v3/service_route_bindings?service_instance_guids={row.guid}",
        **more,
    }
    return resource(call, row, path, given, {"space": to_one(row.space_guid), **plan}, links)


def _managed(call: Call, row: sa.Row[Any], catalog: dict[str, Any]) -> dict[str, Any]:
    path = f"/v3/service_instances/{row.guid}"
    newest = (catalog.get("maintenance_info") or {}).get("version")
    fields = {
        "dashboard_url": row.dashboard_url,
        "maintenance_info": row.maintenance_info,
        "upgrade_available": newest is not None and row.maintenance_info.get("version") != newest,
    }
    links = {
        "service_plan": f"/v3/service_plans/{row.plan_guid}",
        "parameters": f"{path}/parameters",
        "shared_spaces": f"{path}/relationships/shared_spaces",
    }
    return _common(call, row, fields, links, {"service_plan": to_one(row.plan_guid)})


def _provided(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    links = {"credentials": f"/v3/service_instances/{row.guid}/credentials"}
    fields = {"syslog_drain_url": row.syslog_drain_url, "route_service_url": row.route_service_url}
    return _common(call, row, fields, links, {})


def _plan_guids(rows: Rows) -> set[str]:
    return {row.plan_guid for row in rows if row.plan_guid}


async def plan_fields(call: Call, rows: Rows, fields: list[str]) -> dict[str, list[dict[str, Any]]]:
    """``fields[service_plan]``."""
    found = await present.by_guid(call, service_plans, _plan_guids(rows))
    return {"service_plans": [picked(one, fields) for one in await present.plans(call, found)]}


async def offering_fields(call: Call, rows: Rows, fields: list[str]) -> dict[str, list[dict[str, Any]]]:
    """``fields[service_plan.service_offering]``."""
    found = await present.offerings_of_plans(call, _plan_guids(rows))
    return {"service_offerings": [picked(present.offering(call, row), fields) for row in found]}


async def broker_fields(call: Call, rows: Rows, fields: list[str]) -> dict[str, list[dict[str, Any]]]:
    """``fields[service_plan.service_offering.service_broker]``."""
    offered = await present.offerings_of_plans(call, _plan_guids(rows))
    found = await present.brokers_of_offerings(call, {row.guid for row in offered})
    return {"service_brokers": [picked(present.broker(call, row), fields) for row in found]}


async def space_fields(call: Call, rows: Rows, fields: list[str]) -> dict[str, list[dict[str, Any]]]:
    """``fields[space]``."""
    found = await present.by_guid(call, spaces, {row.space_guid for row in rows})
    return {"spaces": [picked(present_space(call, row), fields) for row in found]}


async def organization_fields(call: Call, rows: Rows, fields: list[str]) -> dict[str, list[dict[str, Any]]]:
    """``fields[space.organization]``."""
    mine = sa.select(spaces.c.organization_guid).where(spaces.c.guid.in_({row.space_guid for row in rows}))
    select = sa.select(organizations).where(organizations.c.guid.in_(mine)).order_by(organizations.c.created_at)
    found = (await call.db.execute(select)).all()
    return {"organizations": [picked(present_organization(call, row), fields) for row in found]}
