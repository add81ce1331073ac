"""``/v3/service_instances``: looking at them, and taking them away."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin, need_in, space_powers, visible_spaces
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer, empty
from paas.cloud_controller.api.errors import ApiError, not_found, unprocessable
from paas.cloud_controller.api.lists import Fields, Listing, among, answer_list, included_of
from paas.cloud_controller.broker.errors import BrokerError
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.schema import service_instances, service_plans, spaces
from paas.cloud_controller.services.failure import api_error
from paas.cloud_controller.services.instance_present import (
    broker_fields,
    offering_fields,
    organization_fields,
    plan_fields,
    present_all,
    present_one,
    space_fields,
)
from paas.cloud_controller.services.operation import going_on, is_now
from paas.cloud_controller.services.target import InstanceTarget, instance_target

OFFERING_FIELDS = ("guid", "name", "description", "documentation_url", "tags", "relationships.service_broker")
LISTING = Listing(
    service_instances,
    {
        "names": among(service_instances.c.name),
        "type": among(service_instances.c.type),
        "space_guids": among(service_instances.c.space_guid),
        "organization_guids": lambda values: service_instances.c.space_guid.in_(
            sa.select(spaces.c.guid).where(spaces.c.organization_guid.in_(values))
        ),
        "service_plan_guids": among(service_instances.c.plan_guid),
        "service_plan_names": lambda values: service_instances.c.plan_guid.in_(
            sa.select(service_plans.c.guid).where(service_plans.c.name.in_(values))
        ),
    },
    order=("name",),
    fields={
        "space": Fields(("guid", "name", "relationships.organization"), space_fields),
        "space.organization": Fields(("guid", "name"), organization_fields),
        "service_plan": Fields(("guid", "name", "relationships.service_offering"), plan_fields),
        "service_plan.service_offering": Fields(OFFERING_FIELDS, offering_fields),
        "service_plan.service_offering.service_broker": Fields(("guid", "name"), broker_fields),
    },
)
WHAT = "Service instance"


async def need_instance(call: Call, power: str = "read") -> sa.Row[Any]:
    """The instance in the path; 404 or 403."""
    return await need_in(call, service_instances, call.path(), power, WHAT)


def busy(row: sa.Row[Any]) -> bool:
    """Whether something goes on with it that cannot be cut short."""
    operation = row.last_operation
    return going_on(operation) and not (is_now(operation, "create", "in progress") and operation.get("asked"))


def in_progress(row: sa.Row[Any]) -> ApiError:
    """409: the title at which clients wait."""
    return ApiError(
        409,
        60016,
        "CF-AsyncServiceInstanceOperationInProgress",
        f"An operation for service instance {row.name} is in progress.",
    )


async def index(call: Call) -> Response:
    """Those of the user's spaces."""
    select = sa.select(service_instances).where(service_instances.c.space_guid.in_(visible_spaces(call.who)))
    return await answer_list(call, LISTING, select, present_all)


async def show(call: Call) -> Response:
    """One."""
    row = await need_instance(call)
    found = await present_one(call, row)
    if included := await included_of(call, LISTING, [row]):
        found["included"] = included
    return answer(found)


async def delete(call: Call) -> Response:
    """Delete it with its bindings: at once where a user provided it, else as a job; ``purge=true`` does not tell the broker."""
    row = await need_instance(call, "develop")
    target = Target("service_instance", row.guid, row.name)
    if call.query.one("purge") == "true":
        if row.type == "managed":
            need_admin(call)
        await record(call.db, call.who, "audit.service_instance.purge", target, space=row.space_guid)
        await call.db.execute(sa.delete(service_instances).where(service_instances.c.guid == row.guid))
        return empty()
    if row.type == "user-provided":
        kind = "audit.user_provided_service_instance.delete"
        await record(call.db, call.who, kind, target, space=row.space_guid)
        await call.db.execute(sa.delete(service_instances).where(service_instances.c.guid == row.guid))
        return empty()
    if busy(row):
        raise in_progress(row)
    payload = {"user_name": call.who.name}
    job = await enqueue(call.db, "service_instance.delete", row.guid, payload, user=call.who.guid)
    return accepted(call, job)


async def credentials(call: Call) -> Response:
    """What a user provided."""
    row = await need_instance(call, "secrets")
    if row.type != "user-provided":
        raise not_found(WHAT)
    target = Target("service_instance", row.guid, row.name)
    await record(call.db, call.who, "audit.user_provided_service_instance.show", target, space=row.space_guid)
    return answer(call.platform.sealer.open(row.credentials))


async def parameters(call: Call) -> Response:
    """As the broker knows them."""
    async with call.platform.database.begin() as db:
        inner = Call(call.request, call.platform, call.who, db)
        row = await need_instance(inner)
        target = await instance_target(call.platform, db, row.guid, call.who.guid)
    return answer(await _parameters(row, target))


async def _parameters(row: sa.Row[Any], target: InstanceTarget | None) -> dict[str, Any]:
    if target is None or not target.row.offering_catalog.get("instances_retrievable"):
        raise ApiError(
            400,
            120004,
            "CF-ServiceFetchInstanceParametersNotSupported",
            "This service does not support fetching service instance parameters.",
        )
    if is_now(row.last_operation, "create", "failed"):
        raise not_found(WHAT)
    if going_on(row.last_operation):
        raise in_progress(row)
    try:
        return (await target.client.fetch_instance(target.instance)).parameters
    except BrokerError as error:
        raise api_error(error) from None


async def permissions(call: Call) -> Response:
    """What the user may do with it: asked by dashboards."""
    row = (await call.db.execute(sa.select(service_instances).where(service_instances.c.guid == call.path()))).first()
    if row is None:
        raise not_found(WHAT)
    powers = await space_powers(call.db, call.who, row.space_guid)
    return answer({"manage": bool(powers and powers.develop), "read": bool(powers and powers.read)})


async def shared_spaces(call: Call) -> Response:
    """An instance is in one space."""
    row = await need_instance(call)
    path = f"/v3/service_instances/{row.guid}/relationships/shared_spaces"
    found: dict[str, Any] = {"data": [], "links": {"self": call.link(path)}}
    if call.query.fields:
        found["included"] = {"spaces": [], "organizations": []}
    return answer(found)


async def usage(call: Call) -> Response:
    """How it is used in other spaces: it is not."""
    row = await need_instance(call)
    path = f"/v3/service_instances/{row.guid}/relationships/shared_spaces"
    links = {"self": call.link(f"{path}/usage_summary"), "shared_spaces": call.link(path)}
    return answer({"usage_summary": [], "links": links})


async def refuse_share(call: Call) -> Response:
    """Instances are not shared."""
    await need_instance(call, "develop")
    raise unprocessable(
        "Sharing service instances between spaces is not offered by this platform; bind the app in the instance's space, "
        "or give a service key's credentials to the other space with `cf create-user-provided-service`."
    )


PATH = "/v3/service_instances/{guid}"
ENDPOINTS = [
    Endpoint("GET", "/v3/service_instances", index),
    Endpoint("GET", PATH, show),
    Endpoint("DELETE", PATH, delete),
    Endpoint("GET", f"{PATH}/credentials", credentials),
    Endpoint("GET", f"{PATH}/parameters", parameters, transaction=False),
    Endpoint("GET", f"{PATH}/permissions", permissions),
    Endpoint("GET", f"{PATH}/relationships/shared_spaces", shared_spaces),
    Endpoint("GET", f"{PATH}/relationships/shared_spaces/usage_summary", usage),
    Endpoint("POST", f"{PATH}/relationships/shared_spaces", refuse_share),
    Endpoint("DELETE", f"{PATH}/relationships/shared_spaces/{{space}}", refuse_share),
]
