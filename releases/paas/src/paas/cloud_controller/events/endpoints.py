"""``/v3/audit_events``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from paas.cloud_controller.api.access import organization_powers, space_powers, visible_spaces
from paas.cloud_controller.api.call import Call, Endpoint, answer
from paas.cloud_controller.api.errors import not_found
from paas.cloud_controller.api.lists import Filter, Listing, Rows, among, answer_list
from paas.cloud_controller.api.present import when
from paas.cloud_controller.schema import audit_events, roles


def _not_among(column: sa.Column[Any]) -> Filter:
    return lambda values: column.not_in(values)


LISTING = Listing(
    audit_events,
    {
        "types": among(audit_events.c.type),
        "target_guids": among(audit_events.c.target_guid),
        "target_guids[not]": _not_among(audit_events.c.target_guid),
        "space_guids": among(audit_events.c.space_guid),
        "organization_guids": among(audit_events.c.organization_guid),
    },
)


def _present(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    return {
        "guid": row.guid,
        "created_at": when(row.created_at),
        "updated_at": when(row.updated_at),
        "type": row.type,
        "actor": {"guid": row.actor_guid, "type": row.actor_type, "name": row.actor_name},
        "target": {"guid": row.target_guid, "type": row.target_type, "name": row.target_name},
        "data": row.data,
        "space": {"guid": row.space_guid} if row.space_guid else None,
        "organization": {"guid": row.organization_guid} if row.organization_guid else None,
        "links": {"self": call.link(f"/v3/audit_events/{row.guid}")},
    }


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [_present(call, row) for row in rows]


async def index(call: Call) -> Response:
    """Those of the spaces that the user reads, and of the organizations that the user manages or audits."""
    select = sa.select(audit_events)
    if not call.who.sees_all:
        audited = sa.select(roles.c.organization_guid).where(
            roles.c.user_guid == call.who.guid,
            roles.c.type.in_(["organization_manager", "organization_auditor"]),
        )
        select = select.where(
            sa.or_(
                audit_events.c.space_guid.in_(visible_spaces(call.who)),
                audit_events.c.organization_guid.in_(audited),
            )
        )
    return await answer_list(call, LISTING, select, _present_all)


async def show(call: Call) -> Response:
    """One event."""
    row = (await call.db.execute(sa.select(audit_events).where(audit_events.c.guid == call.path()))).first()
    if row is None or not await _readable(call, row):
        raise not_found("Event")
    return answer(_present(call, row))


async def _readable(call: Call, row: sa.Row[Any]) -> bool:
    if call.who.sees_all:
        return True
    if row.space_guid:
        powers = await space_powers(call.db, call.who, row.space_guid)
        if powers is not None and powers.read:
            return True
    if row.organization_guid:
        powers = await organization_powers(call.db, call.who, row.organization_guid)
        return powers is not None and powers.manage
    return False


ENDPOINTS = [
    Endpoint("GET", "/v3/audit_events", index),
    Endpoint("GET", "/v3/audit_events/{guid}", show),
]
