"""``/v3/service_credential_bindings``."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa
from msgspec import UNSET, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need, space_powers, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, ToOne, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer, empty
from paas.cloud_controller.api.errors import ApiError, not_authorized, not_found, unprocessable
from paas.cloud_controller.api.lists import Listing, among, answer_all, answer_list, included_of
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.broker.errors import BrokerError
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.schema import apps, service_bindings, service_instances, service_offerings, service_plans
from paas.cloud_controller.services.bind import put_app_binding, put_key
from paas.cloud_controller.services.binding_present import included_apps, included_instances, present, present_all
from paas.cloud_controller.services.failure import api_error
from paas.cloud_controller.services.operation import going_on, is_now
from paas.cloud_controller.services.target import BindingTarget, binding_target

WHAT = "Service credential binding"


def _instances(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    joined = service_instances.outerjoin(service_plans, service_plans.c.guid == service_instances.c.plan_guid)
    joined = joined.outerjoin(service_offerings, service_offerings.c.guid == service_plans.c.offering_guid)
    return service_bindings.c.instance_guid.in_(
        sa.select(service_instances.c.guid).select_from(joined).where(condition)
    )


LISTING = Listing(
    service_bindings,
    {
        "names": among(service_bindings.c.name),
        "type": among(service_bindings.c.type),
        "app_guids": among(service_bindings.c.app_guid),
        "app_names": lambda values: service_bindings.c.app_guid.in_(
            sa.select(apps.c.guid).where(apps.c.name.in_(values))
        ),
        "service_instance_guids": among(service_bindings.c.instance_guid),
        "service_instance_names": lambda values: _instances(service_instances.c.name.in_(values)),
        "service_plan_guids": lambda values: _instances(service_plans.c.guid.in_(values)),
        "service_plan_names": lambda values: _instances(service_plans.c.name.in_(values)),
        "service_offering_guids": lambda values: _instances(service_offerings.c.guid.in_(values)),
        "service_offering_names": lambda values: _instances(service_offerings.c.name.in_(values)),
    },
    order=("name",),
    includes={"app": included_apps, "service_instance": included_instances},
)


class Relationships(Body, frozen=True, kw_only=True):
    """What is bound."""

    service_instance: ToOne
    app: ToOne | None = None


class Create(Body, frozen=True, kw_only=True):
    """A new binding, to an app or as a key. `strategy` is that of a single binding for each app and instance."""

    type: Literal["app", "key"]
    relationships: Relationships
    name: Name | None = None
    parameters: dict[str, Any] | None = None
    strategy: Literal["single", "multiple"] | None = None
    metadata: Metadata | UnsetType = UNSET


class Change(Body, frozen=True, kw_only=True):
    """What may be changed here: labels."""

    metadata: Metadata | UnsetType = UNSET


def _visible(call: Call) -> sa.ColumnElement[bool]:
    if call.who.sees_all:
        return sa.true()
    mine = sa.select(service_instances.c.guid).where(service_instances.c.space_guid.in_(visible_spaces(call.who)))
    return service_bindings.c.instance_guid.in_(mine)


async def _row(call: Call, power: str = "") -> sa.Row[Any]:
    """With ``space_guid``."""
    select = (
        sa.select(service_bindings, service_instances.c.space_guid, service_instances.c.type.label("instance_type"))
        .add_columns(service_instances.c.name.label("instance_name"))
        .add_columns(service_instances.c.last_operation.label("instance_operation"))
        .join(service_instances, service_instances.c.guid == service_bindings.c.instance_guid)
        .where(service_bindings.c.guid == call.path(), _visible(call))
    )
    row = (await call.db.execute(select)).first()
    if row is None:
        raise not_found(WHAT)
    if power:
        await need(call, row.space_guid, power, WHAT)
    return row


async def index(call: Call) -> Response:
    """Those of the user's spaces."""
    return await answer_list(call, LISTING, sa.select(service_bindings).where(_visible(call)), present_all)


async def show(call: Call) -> Response:
    """One."""
    row = await _row(call)
    found = present(call, row)
    if included := await included_of(call, LISTING, [row]):
        found["included"] = included
    return answer(found)


async def create(call: Call) -> Response:
    """Bind: as a job where a broker gives the credentials, else at once."""
    body = await call.body(Create)
    instance = await _instance(call, body.relationships.service_instance.data.guid)
    if instance.type == "user-provided" and body.parameters:
        raise unprocessable("Binding parameters are not supported for user-provided service instances")
    labels = merged_labels({}, {}, body.metadata)
    if body.type == "key":
        if body.name is None:
            raise unprocessable("Name can't be blank")
        if body.relationships.app is not None:
            raise unprocessable("Relationships: a key has no app")
        await _need_power(call, instance.space_guid, "develop")
        row = await put_key(call.platform, call.db, call.who, instance, body.name, body.parameters, labels)
    else:
        app = await _app(call, body)
        row = await put_app_binding(
            call.platform,
            call.db,
            call.who,
            instance,
            app,
            name=body.name,
            parameters=body.parameters,
            labels=labels,
        )
    if instance.type == "user-provided":
        return answer(present(call, row), 201)
    payload = {"user_name": call.who.name}
    return accepted(call, await enqueue(call.db, "service_bindings.create", row.guid, payload, user=call.who.guid))


async def _instance(call: Call, guid: str) -> sa.Row[Any]:
    row = (await call.db.execute(sa.select(service_instances).where(service_instances.c.guid == guid))).first()
    powers = None if row is None else await space_powers(call.db, call.who, row.space_guid)
    if row is None or powers is None or not powers.read:
        raise unprocessable(f"The service instance could not be found: '{guid}'")
    return row


async def _app(call: Call, body: Create) -> sa.Row[Any]:
    if body.relationships.app is None:
        raise unprocessable("No app was specified")
    guid = body.relationships.app.data.guid
    row = (await call.db.execute(sa.select(apps).where(apps.c.guid == guid))).first()
    powers = None if row is None else await space_powers(call.db, call.who, row.space_guid)
    if row is None or powers is None or not powers.read:
        raise unprocessable(f"The app could not be found: '{guid}'")
    await _need_power(call, row.space_guid, "operate")
    return row


async def _need_power(call: Call, space: str, power: str) -> None:
    powers = await space_powers(call.db, call.who, space)
    if powers is None or not getattr(powers, power):
        raise not_authorized(*(["The organization is suspended"] if powers and powers.suspended else []))


async def update(call: Call) -> Response:
    """Label."""
    row = await _row(call, "develop")
    if is_now(row.last_operation, "delete", "initial", "in progress"):
        raise unprocessable("The service binding is being deleted")
    body = await call.body(Change)
    values = merged_labels(row.labels, row.annotations, body.metadata)
    change = sa.update(service_bindings).where(service_bindings.c.guid == row.guid).values(values)
    return answer(present(call, (await call.db.execute(change.returning(service_bindings))).one()))


async def delete(call: Call) -> Response:
    """Unbind: as a job where a broker must know of it, else at once."""
    row = await _row(call)
    await need(call, row.space_guid, "operate" if row.type == "app" else "develop", WHAT)
    operation = row.last_operation
    if going_on(operation) and not (is_now(operation, "create", "in progress") and operation.get("asked")):
        raise unprocessable("There is an operation in progress for the service binding.")
    if going_on(row.instance_operation):
        raise unprocessable("There is an operation in progress for the service instance.")
    kind = "service_key" if row.type == "key" else "service_binding"
    target = Target(kind, row.guid, row.name or "")
    if row.instance_type == "user-provided":
        await record(call.db, call.who, f"audit.{kind}.delete", target, space=row.space_guid)
        await call.db.execute(sa.delete(service_bindings).where(service_bindings.c.guid == row.guid))
        return empty()
    await record(call.db, call.who, f"audit.{kind}.start_delete", target, space=row.space_guid)
    payload = {"user_name": call.who.name}
    return accepted(call, await enqueue(call.db, "service_bindings.delete", row.guid, payload, user=call.who.guid))


async def details(call: Call) -> Response:
    """The credentials."""
    row = await _row(call, "secrets")
    if not is_now(row.last_operation, "create", "succeeded") and not is_now(row.last_operation, "delete", "failed"):
        word = f"{row.last_operation.get('type')} {row.last_operation.get('state')}"
        raise not_found(f"{WHAT} details of a binding whose last operation is '{word}'")
    credentials = call.platform.sealer.open(row.credentials)
    drain = row.syslog_drain_url
    if row.instance_type == "user-provided":
        select = sa.select(service_instances).where(service_instances.c.guid == row.instance_guid)
        instance = (await call.db.execute(select)).one()
        credentials, drain = call.platform.sealer.open(instance.credentials), instance.syslog_drain_url
    kind = "service_key" if row.type == "key" else "service_binding"
    await record(call.db, call.who, f"audit.{kind}.show", Target(kind, row.guid, row.name or ""), space=row.space_guid)
    found: dict[str, Any] = {"credentials": credentials, "volume_mounts": row.volume_mounts}
    return answer(found if drain is None else {**found, "syslog_drain_url": drain})


async def parameters(call: Call) -> Response:
    """As the broker knows them."""
    async with call.platform.database.begin() as db:
        inner = Call(call.request, call.platform, call.who, db)
        row = await _row(inner, "secrets")
        target = await binding_target(call.platform, db, row.guid, call.who.guid)
    return answer(await _parameters(row, target))


async def _parameters(row: sa.Row[Any], target: BindingTarget | None) -> dict[str, Any]:
    if target is None or not target.of.row.offering_catalog.get("bindings_retrievable"):
        raise ApiError(
            400,
            90007,
            "CF-ServiceFetchBindingParametersNotSupported",
            "This service does not support fetching service binding parameters.",
        )
    if not is_now(row.last_operation, "create", "succeeded"):
        raise not_found(WHAT)
    try:
        return (await target.of.client.fetch_binding(target.binding)).parameters
    except BrokerError as error:
        raise api_error(error) from None


async def no_route_bindings(call: Call) -> Response:
    """There are no route services."""
    return answer_all(call, [])


async def refuse_route_binding(call: Call) -> Response:
    """There are no route services."""
    raise unprocessable(
        "Route services are not offered by this platform: a route cannot be bound to a service instance"
    )


PATH = "/v3/service_credential_bindings/{guid}"
ENDPOINTS = [
    Endpoint("GET", "/v3/service_credential_bindings", index),
    Endpoint("POST", "/v3/service_credential_bindings", create),
    Endpoint("GET", PATH, show),
    Endpoint("PATCH", PATH, update),
    Endpoint("DELETE", PATH, delete),
    Endpoint("GET", f"{PATH}/details", details),
    Endpoint("GET", f"{PATH}/parameters", parameters, transaction=False),
    Endpoint("GET", "/v3/service_route_bindings", no_route_bindings),
    Endpoint("POST", "/v3/service_route_bindings", refuse_route_binding),
]
