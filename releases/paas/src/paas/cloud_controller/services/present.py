"""How brokers, offerings and plans are shown."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.call import Call
from paas.cloud_controller.api.lists import Rows
from paas.cloud_controller.api.present import resource, to_one
from paas.cloud_controller.schema import service_brokers, service_offerings, service_plans


def broker(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One row of service_brokers."""
    path = f"/v3/service_brokers/{row.guid}"
    links: dict[str, Any] = {"service_offerings": f"/v3/service_offerings?service_broker_guids={row.guid}"}
    if row.space_guid:
        links["space"] = f"/v3/spaces/{row.space_guid}"
    relationships = {"space": to_one(row.space_guid)} if row.space_guid else {}
    return resource(call, row, path, {"name": row.name, "url": row.url}, relationships, links)


def offering(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    """One row of service_offerings."""
    entry = row.catalog
    fields = {
        "name": row.name,
        "description": row.description,
        "available": row.available,
        "tags": row.tags,
        "requires": row.requires,
        "shareable": row.shareable,
        "documentation_url": row.documentation_url or "",
        "broker_catalog": {
            "id": row.unique_id,
            "metadata": entry.get("metadata") or {},
            "features": {
                "bindable": row.bindable,
                **{
                    name: bool(entry.get(name))
                    for name in (
                        "plan_updateable",
                        "instances_retrievable",
                        "bindings_retrievable",
                        "allow_context_updates",
                    )
                },
            },
        },
    }
    links = {
        "service_plans": f"/v3/service_plans?service_offering_guids={row.guid}",
        "service_broker": f"/v3/service_brokers/{row.broker_guid}",
    }
    relationships = {"service_broker": to_one(row.broker_guid)}
    return resource(call, row, f"/v3/service_offerings/{row.guid}", fields, relationships, links)


async def plans(call: Call, rows: Rows) -> list[dict[str, Any]]:
    """Rows of service_plans."""
    select = (
        sa.select(
            service_offerings.c.guid,
            service_offerings.c.bindable,
            service_offerings.c.catalog,
            service_brokers.c.space_guid,
        )
        .join(service_brokers, service_brokers.c.guid == service_offerings.c.broker_guid)
        .where(service_offerings.c.guid.in_({row.offering_guid for row in rows}))
    )
    offered = {row.guid: row for row in (await call.db.execute(select)).all()}
    return [_plan(call, row, offered[row.offering_guid]) for row in rows]


def _plan(call: Call, row: sa.Row[Any], offered: sa.Row[Any]) -> dict[str, Any]:
    entry: dict[str, Any] = row.catalog
    metadata: dict[str, Any] = entry.get("metadata") or {}
    path = f"/v3/service_plans/{row.guid}"
    fields = {
        "name": row.name,
        "description": row.description,
        "visibility_type": row.visibility,
        "available": row.available,
        "free": row.free,
        "costs": _costs(metadata.get("costs")),
        "maintenance_info": entry.get("maintenance_info") or {},
        "broker_catalog": {
            "id": row.unique_id,
            "metadata": metadata,
            "maximum_polling_duration": entry.get("maximum_polling_duration"),
            "features": {
                "bindable": bindable(entry, offered.bindable),
                "plan_updateable": updateable(entry, offered.catalog),
            },
        },
        "schemas": _schemas(entry.get("schemas")),
    }
    relationships = {"service_offering": to_one(row.offering_guid)}
    links = {"service_offering": f"/v3/service_offerings/{row.offering_guid}", "visibility": f"{path}/visibility"}
    if offered.space_guid:
        relationships["space"] = to_one(offered.space_guid)
        links["space"] = f"/v3/spaces/{offered.space_guid}"
    return resource(call, row, path, fields, relationships, links)


def bindable(plan: dict[str, Any], offering: bool) -> bool:
    """A plan's own word counts, else its offering's."""
    said = plan.get("bindable")
    return offering if said is None else bool(said)


def updateable(plan: dict[str, Any], offering: dict[str, Any]) -> bool:
    """Whether instances of the plan may get another one."""
    said = plan.get("plan_updateable")
    return bool(offering.get("plan_updateable") if said is None else said)


def _costs(given: Any) -> list[dict[str, Any]]:
    """What a catalog's metadata says of costs; nothing where it is not of the known shape."""
    found: list[dict[str, Any]] = []
    for cost in given if isinstance(given, list) else ():
        amounts = cost.get("amount") if isinstance(cost, dict) else None
        if not isinstance(amounts, dict):
            return []
        for currency, amount in amounts.items():
            if not currency or isinstance(amount, bool) or not isinstance(amount, int | float):
                return []
            found.append({"currency": currency.upper(), "amount": float(amount), "unit": str(cost.get("unit", ""))})
    return found


def _schemas(given: Any) -> dict[str, Any]:
    def parameters(kind: str, verb: str) -> dict[str, Any]:
        found: Any = given
        for name in (kind, verb, "parameters"):
            found = found.get(name) if isinstance(found, dict) else None
        return {"parameters": found if isinstance(found, dict) else {}}

    return {
        "service_instance": {
            "create": parameters("service_instance", "create"),
            "update": parameters("service_instance", "update"),
        },
        "service_binding": {"create": parameters("service_binding", "create")},
    }


async def by_guid(call: Call, table: sa.Table, guids: set[str]) -> list[sa.Row[Any]]:
    """Rows of a table, in the order of their making."""
    return list(
        (await call.db.execute(sa.select(table).where(table.c.guid.in_(guids)).order_by(table.c.created_at))).all()
    )


async def offerings_of_plans(call: Call, guids: set[str]) -> list[sa.Row[Any]]:
    """The offerings of plans."""
    mine = sa.select(service_plans.c.offering_guid).where(service_plans.c.guid.in_(guids))
    select = sa.select(service_offerings).where(service_offerings.c.guid.in_(mine))
    return list((await call.db.execute(select.order_by(service_offerings.c.created_at))).all())


async def brokers_of_offerings(call: Call, guids: set[str]) -> list[sa.Row[Any]]:
    """The brokers of offerings."""
    mine = sa.select(service_offerings.c.broker_guid).where(service_offerings.c.guid.in_(guids))
    select = sa.select(service_brokers).where(service_brokers.c.guid.in_(mine))
    return list((await call.db.execute(select.order_by(service_brokers.c.created_at))).all())
