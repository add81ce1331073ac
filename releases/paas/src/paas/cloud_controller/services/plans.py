"""``/v3/service_plans``, and to whom they are offered."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from sqlalchemy.dialects.postgresql import insert
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin, space_powers, visible_organizations
from paas.cloud_controller.api.body import Body, Metadata, Reference, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, answer, empty
from paas.cloud_controller.api.errors import not_authorized, not_found, unprocessable
from paas.cloud_controller.api.lists import Fields, Listing, Rows, among, answer_list, flag, included_of
from paas.cloud_controller.schema import (
    organizations,
    service_brokers,
    service_instances,
    service_offerings,
    service_plan_organizations,
    service_plans,
    spaces,
)
from paas.cloud_controller.services import present
from paas.cloud_controller.services.access import usable_in_organizations, usable_in_spaces, visible_plans
from paas.cloud_controller.services.pick import picked
from paas.cloud_controller.spaces.present import included as included_spaces


def _offered(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Plans of offerings joined with brokers that fit."""
    joined = service_offerings.join(service_brokers, service_brokers.c.guid == service_offerings.c.broker_guid)
    return service_plans.c.offering_guid.in_(sa.select(service_offerings.c.guid).select_from(joined).where(condition))


async def _offerings(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    found = await present.by_guid(call, service_offerings, {row.offering_guid for row in rows})
    return {"service_offerings": [present.offering(call, row) for row in found]}


async def _spaces(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    """Of brokers that belong to a space."""
    select = (
        sa.select(service_brokers.c.space_guid)
        .join(service_offerings, service_offerings.c.broker_guid == service_brokers.c.guid)
        .where(service_offerings.c.guid.in_({row.offering_guid for row in rows}))
        .where(service_brokers.c.space_guid.is_not(None))
    )
    return await included_spaces(call, set(await call.db.scalars(select)), organization_too=True)


async def _brokers(call: Call, rows: Rows, fields: list[str]) -> dict[str, list[dict[str, Any]]]:
    found = await present.brokers_of_offerings(call, {row.offering_guid for row in rows})
    return {"service_brokers": [picked(present.broker(call, row), fields) for row in found]}


LISTING = Listing(
    service_plans,
    {
        "names": among(service_plans.c.name),
        "available": flag(service_plans.c.available),
        "broker_catalog_ids": among(service_plans.c.unique_id),
        "service_offering_guids": among(service_plans.c.offering_guid),
        "service_offering_names": lambda values: _offered(service_offerings.c.name.in_(values)),
        "service_broker_guids": lambda values: _offered(service_brokers.c.guid.in_(values)),
        "service_broker_names": lambda values: _offered(service_brokers.c.name.in_(values)),
        "service_instance_guids": lambda values: service_plans.c.guid.in_(
            sa.select(service_instances.c.plan_guid).where(service_instances.c.guid.in_(values))
        ),
        "space_guids": usable_in_spaces,
        "organization_guids": usable_in_organizations,
    },
    order=("name",),
    includes={"service_offering": _offerings, "space.organization": _spaces},
    fields={"service_offering.service_broker": Fields(("guid", "name"), _brokers)},
)


class Change(Body, frozen=True, kw_only=True):
    """What may be changed here: labels."""

    metadata: Metadata | UnsetType = UNSET


class Visibility(Body, frozen=True, kw_only=True):
    """To whom a plan is offered."""

    type: Literal["public", "admin", "organization"]
    organizations: list[Reference] | UnsetType = UNSET


async def _row(call: Call, *, write: bool = False) -> sa.Row[Any]:
    select = sa.select(service_plans).where(service_plans.c.guid == call.path(), visible_plans(call.who))
    row = (await call.db.execute(select)).first()
    if row is None:
        raise not_found("Service plan")
    if write:
        await _need_owner(call, row)
    return row


async def _need_owner(call: Call, row: sa.Row[Any]) -> None:
    space = await _space(call, row)
    if space is None:
        need_admin(call)
        return
    powers = await space_powers(call.db, call.who, space.guid)
    if powers is None or not powers.develop:
        raise not_authorized()


async def _space(call: Call, row: sa.Row[Any]) -> sa.Row[Any] | None:
    """The space that alone may use the plan's broker."""
    select = (
        sa.select(spaces.c.guid, spaces.c.name)
        .join(service_brokers, service_brokers.c.space_guid == spaces.c.guid)
        .join(service_offerings, service_offerings.c.broker_guid == service_brokers.c.guid)
        .where(service_offerings.c.guid == row.offering_guid)
    )
    return (await call.db.execute(select)).first()


async def index(call: Call) -> Response:
    """Those that the user sees."""
    select = sa.select(service_plans).where(visible_plans(call.who))
    return await answer_list(call, LISTING, select, present.plans)


async def show(call: Call) -> Response:
    """One."""
    row = await _row(call)
    found = (await present.plans(call, [row]))[0]
    if included := await included_of(call, LISTING, [row]):
        found["included"] = included
    return answer(found)


async def update(call: Call) -> Response:
    """Label."""
    row = await _row(call, write=True)
    body = await call.body(Change)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    change = sa.update(service_plans).where(service_plans.c.guid == row.guid).values(values).returning(service_plans)
    return answer((await present.plans(call, [(await call.db.execute(change)).one()]))[0])


async def delete(call: Call) -> Response:
    """Forget one that has no instances."""
    row = await _row(call, write=True)
    used = sa.select(service_instances.c.guid).where(service_instances.c.plan_guid == row.guid)
    if await call.db.scalar(used.limit(1)):
        raise unprocessable(f"Plan '{row.name}' has service instances: delete them first")
    await call.db.execute(sa.delete(service_plans).where(service_plans.c.guid == row.guid))
    return empty()


async def visibility(call: Call) -> Response:
    """To whom it is offered."""
    return answer(await _visibility(call, await _row(call)))


async def _visibility(call: Call, row: sa.Row[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": row.visibility}
    if row.visibility == "space" and (space := await _space(call, row)) is not None:
        found["space"] = {"guid": space.guid, "name": space.name}
    if row.visibility == "organization":
        link = service_plan_organizations
        select = (
            sa.select(organizations.c.guid, organizations.c.name)
            .join(link, link.c.organization_guid == organizations.c.guid)
            .where(link.c.plan_guid == row.guid, organizations.c.guid.in_(visible_organizations(call.who)))
            .order_by(organizations.c.name)
        )
        rows = (await call.db.execute(select)).all()
        found["organizations"] = [{"guid": one.guid, "name": one.name} for one in rows]
    return found


async def replace_visibility(call: Call) -> Response:
    """Offer it to these and to nobody else."""
    return await _change_visibility(call, replace=True)


async def add_visibility(call: Call) -> Response:
    """Offer it to these too."""
    return await _change_visibility(call, replace=False)


async def _change_visibility(call: Call, *, replace: bool) -> Response:
    row = await _row(call, write=True)
    body = await call.body(Visibility)
    if row.visibility == "space":
        raise unprocessable("cannot update plans with visibility type 'space'")
    guids = [] if body.organizations is UNSET else list(dict.fromkeys(one.guid for one in body.organizations))
    if body.type == "organization" and not guids:
        raise unprocessable("Organizations must be given with type 'organization': [{\"guid\": ...}]")
    if body.type != "organization" and guids:
        raise unprocessable("Organizations must be blank, but for type 'organization'")
    known = set(await call.db.scalars(sa.select(organizations.c.guid).where(organizations.c.guid.in_(guids))))
    if missing := [guid for guid in guids if guid not in known]:
        raise unprocessable(f"Could not find Organization with guid: {missing[0]}")
    link = service_plan_organizations
    if replace or body.type != "organization":
        await call.db.execute(sa.delete(link).where(link.c.plan_guid == row.guid))
    if guids:
        rows = [{"plan_guid": row.guid, "organization_guid": guid} for guid in guids]
        await call.db.execute(insert(link).values(rows).on_conflict_do_nothing())
    change = sa.update(service_plans).where(service_plans.c.guid == row.guid).values(visibility=body.type)
    row = (await call.db.execute(change.returning(service_plans))).one()
    return answer(await _visibility(call, row))


async def remove_visibility(call: Call) -> Response:
    """Offer it to one organization no more."""
    row = await _row(call, write=True)
    if row.visibility != "organization":
        raise unprocessable("Cannot delete visibilities from non-org-restricted plans")
    link = service_plan_organizations
    gone = sa.delete(link).where(link.c.plan_guid == row.guid, link.c.organization_guid == call.path("organization"))
    if not (await call.db.execute(gone)).rowcount:
        raise not_found("Service plan visibility")
    left = await call.db.scalar(sa.select(sa.func.count()).where(link.c.plan_guid == row.guid))
    if not left:
        await call.db.execute(
            sa.update(service_plans).where(service_plans.c.guid == row.guid).values(visibility="admin")
        )
    return empty()


ENDPOINTS = [
    Endpoint("GET", "/v3/service_plans", index),
    Endpoint("GET", "/v3/service_plans/{guid}", show),
    Endpoint("PATCH", "/v3/service_plans/{guid}", update),
    Endpoint("DELETE", "/v3/service_plans/{guid}", delete),
    Endpoint("GET", "/v3/service_plans/{guid}/visibility", visibility),
    Endpoint("PATCH", "/v3/service_plans/{guid}/visibility", replace_visibility),
    Endpoint("POST", "/v3/service_plans/{guid}/visibility", add_visibility),
    Endpoint("DELETE", "/v3/service_plans/{guid}/visibility/{organization}", remove_visibility),
]
