"""``/v3/service_offerings``."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin
from paas.cloud_controller.api.body import Body, Metadata, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, answer, empty
from paas.cloud_controller.api.errors import not_found, unprocessable
from paas.cloud_controller.api.lists import Fields, Listing, Rows, among, answer_list, flag, included_of
from paas.cloud_controller.schema import (
    service_bindings,
    service_brokers,
    service_instances,
    service_offerings,
    service_plans,
)
from paas.cloud_controller.services import present
from paas.cloud_controller.services.access import usable_in_organizations, usable_in_spaces, visible_plans
from paas.cloud_controller.services.pick import picked


def _with_plan(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    return service_offerings.c.guid.in_(sa.select(service_plans.c.offering_guid).where(condition))


async def _brokers(call: Call, rows: Rows, fields: list[str]) -> dict[str, list[dict[str, Any]]]:
    found = await present.by_guid(call, service_brokers, {row.broker_guid for row in rows})
    return {"service_brokers": [picked(present.broker(call, row), fields) for row in found]}


LISTING = Listing(
    service_offerings,
    {
        "names": among(service_offerings.c.name),
        "available": flag(service_offerings.c.available),
        "service_broker_guids": among(service_offerings.c.broker_guid),
        "service_broker_names": lambda values: service_offerings.c.broker_guid.in_(
            sa.select(service_brokers.c.guid).where(service_brokers.c.name.in_(values))
        ),
        "space_guids": lambda values: _with_plan(usable_in_spaces(values)),
        "organization_guids": lambda values: _with_plan(usable_in_organizations(values)),
    },
    order=("name",),
    fields={"service_broker": Fields(("guid", "name"), _brokers)},
)


class Change(Body, frozen=True, kw_only=True):
    """What may be changed here: labels."""

    metadata: Metadata | UnsetType = UNSET


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [present.offering(call, row) for row in rows]


def _visible(call: Call) -> sa.ColumnElement[bool]:
    return sa.true() if call.who.sees_all else _with_plan(visible_plans(call.who))


async def _row(call: Call) -> sa.Row[Any]:
    select = sa.select(service_offerings).where(service_offerings.c.guid == call.path(), _visible(call))
    row = (await call.db.execute(select)).first()
    if row is None:
        raise not_found("Service offering")
    return row


async def index(call: Call) -> Response:
    """Those with a plan that the user sees."""
    return await answer_list(call, LISTING, sa.select(service_offerings).where(_visible(call)), _present_all)


async def show(call: Call) -> Response:
    """One."""
    row = await _row(call)
    found = present.offering(call, row)
    if included := await included_of(call, LISTING, [row]):
        found["included"] = included
    return answer(found)


async def update(call: Call) -> Response:
    """Label."""
    row = await _row(call)
    need_admin(call)
    body = await call.body(Change)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    change = sa.update(service_offerings).where(service_offerings.c.guid == row.guid).values(values)
    return answer(present.offering(call, (await call.db.execute(change.returning(service_offerings))).one()))


async def delete(call: Call) -> Response:
    """Forget one without plans; with ``purge=true`` all of it, instances too, and the broker is not told."""
    row = await _row(call)
    need_admin(call)
    plans = sa.select(service_plans.c.guid).where(service_plans.c.offering_guid == row.guid)
    if call.query.one("purge") == "true":
        instances = sa.select(service_instances.c.guid).where(service_instances.c.plan_guid.in_(plans))
        await call.db.execute(sa.delete(service_bindings).where(service_bindings.c.instance_guid.in_(instances)))
        await call.db.execute(sa.delete(service_instances).where(service_instances.c.plan_guid.in_(plans)))
    elif await call.db.scalar(plans.limit(1)):
        raise unprocessable("The service offering has plans: delete them first, or everything at once with purge=true")
    await call.db.execute(sa.delete(service_offerings).where(service_offerings.c.guid == row.guid))
    return empty()


ENDPOINTS = [
    Endpoint("GET", "/v3/service_offerings", index),
    Endpoint("GET", "/v3/service_offerings/{guid}", show),
    Endpoint("PATCH", "/v3/service_offerings/{guid}", update),
    Endpoint("DELETE", "/v3/service_offerings/{guid}", delete),
]
