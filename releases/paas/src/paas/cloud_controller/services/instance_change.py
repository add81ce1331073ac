"""Makes and changes service instances: what the API takes, and the jobs that ask the broker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import msgspec
import sqlalchemy as sa
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_in, space_powers
from paas.cloud_controller.api.body import Body, Metadata, ToOne, decode, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import not_authorized, uniqueness, unprocessable
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.quotas.enforce import check_service_instances
from paas.cloud_controller.schema import service_brokers, service_instances, service_offerings, service_plans
from paas.cloud_controller.services.access import usable_in_spaces, visible_plans
from paas.cloud_controller.services.instance_present import present_one
from paas.cloud_controller.services.instances import WHAT, in_progress
from paas.cloud_controller.services.operation import begun, going_on, is_now
from paas.cloud_controller.services.orphans import remove_instance_later
from paas.cloud_controller.services.present import updateable
from paas.cloud_controller.services.target import instance_target

Tags = Annotated[list[Annotated[str, Meta(max_length=255)]], Meta(max_length=100)]
Url = Annotated[str, Meta(max_length=2048)]
TAGS_CHARACTERS = 2048
NO_PLAN = "Invalid service plan. Ensure that the service plan exists, is available, and you have access to it."


class InSpace(Body, frozen=True, kw_only=True):
    """In which space."""

    space: ToOne


class OfPlan(InSpace, frozen=True, kw_only=True):
    """In which space, of which plan."""

    service_plan: ToOne


class CreateManaged(Body, frozen=True, kw_only=True):
    """An instance that a broker makes."""

    type: Literal["managed"]
    name: Name
    relationships: OfPlan
    parameters: dict[str, Any] | None = None
    tags: Tags = msgspec.field(default_factory=list)
    metadata: Metadata | UnsetType = UNSET


class CreateProvided(Body, frozen=True, kw_only=True):
    """An instance that is only told of."""

    type: Literal["user-provided"]
    name: Name
    relationships: InSpace
    credentials: dict[str, Any] | None = None
    tags: Tags = msgspec.field(default_factory=list)
    syslog_drain_url: Url | None = None
    route_service_url: Url | None = None
    metadata: Metadata | UnsetType = UNSET


class Plan(Body, frozen=True, kw_only=True):
    """Another plan."""

    service_plan: ToOne | None = None


class Maintenance(Body, frozen=True, kw_only=True):
    """The version to bring it to."""

    version: str
    description: str | None = None


class ChangeManaged(Body, frozen=True, kw_only=True):
    """What may be changed of an instance that a broker made."""

    name: Name | UnsetType = UNSET
    relationships: Plan = Plan()
    parameters: dict[str, Any] | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    maintenance_info: Maintenance | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class ChangeProvided(Body, frozen=True, kw_only=True):
    """What may be changed of one that is only told of."""

    name: Name | UnsetType = UNSET
    credentials: dict[str, Any] | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    syslog_drain_url: Url | UnsetType | None = UNSET
    route_service_url: Url | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class Kind(msgspec.Struct, frozen=True):
    """Which of the two."""

    type: Literal["managed", "user-provided"]


async def create(call: Call) -> Response:
    """Make one: a broker's as a job, a user's at once."""
    await need_flag(call.db, call.who, "service_instance_creation")
    raw = await call.raw()
    kind = decode(raw, Kind)
    if kind.type == "managed":
        return await _create_managed(call, decode(raw, CreateManaged))
    return await _create_provided(call, decode(raw, CreateProvided))


async def _need_space(call: Call, guid: str) -> None:
    powers = await space_powers(call.db, call.who, guid)
    if powers is None or not powers.read:
        raise unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
    if not powers.develop:
        raise not_authorized(*(["The organization is suspended"] if powers.suspended else []))


async def _create_provided(call: Call, body: CreateProvided) -> Response:
    space = body.relationships.space.data.guid
    await _need_space(call, space)
    await _free(call, space, body.name)
    values = {
        "type": "user-provided",
        "name": body.name,
        "space_guid": space,
        "tags": _checked_tags(body.tags),
        "credentials": call.platform.sealer.seal(body.credentials),
        "syslog_drain_url": _drain(body.syslog_drain_url),
        "route_service_url": _route_service(body.route_service_url),
        "last_operation": begun("create", "succeeded"),
        **merged_labels({}, {}, body.metadata),
    }
    row = (await call.db.execute(sa.insert(service_instances).values(values).returning(service_instances))).one()
    await _tell(call, "audit.user_provided_service_instance.create", row)
    return answer(await present_one(call, row), 201)


def _checked_tags(tags: list[str]) -> list[str]:
    if len("".join(tags)) > TAGS_CHARACTERS:
        raise unprocessable(f"Tags must be {TAGS_CHARACTERS} characters or less together")
    return tags


def _drain(url: str | None) -> str | None:
    if url and not url.startswith(("syslog://", "syslog-tls://", "https://")):
        raise unprocessable("Syslog drain url must begin with syslog://, syslog-tls:// or https://")
    return url or None


def _route_service(url: str | None) -> str | None:
    if url:
        raise unprocessable("Route services are not offered by this platform: route_service_url must be empty")
    return None


async def _create_managed(call: Call, body: CreateManaged) -> Response:
    space = body.relationships.space.data.guid
    await _need_space(call, space)
    plan = await _usable_plan(call, body.relationships.service_plan.data.guid, space)
    if plan.state == "delete in progress":
        raise unprocessable(
            "The service instance cannot be created because there is an operation in progress for the service broker."
        )
    await _replace_failed(call, space, body.name)
    await _free(call, space, body.name)
    values = {
        "type": "managed",
        "name": body.name,
        "space_guid": space,
        "plan_guid": plan.guid,
        "tags": _checked_tags(body.tags),
        "maintenance_info": plan.catalog.get("maintenance_info") or {},
        "last_operation": begun("create", "initial"),
        **merged_labels({}, {}, body.metadata),
    }
    row = (await call.db.execute(sa.insert(service_instances).values(values).returning(service_instances))).one()
    await check_service_instances(call.db, space, free=plan.free)
    await _tell(call, "audit.service_instance.start_create", row)
    job = await enqueue(
        call.db,
        "service_instance.create",
        row.guid,
        {"user_name": call.who.name},
        sealed=call.platform.sealer.seal(body.parameters),
        user=call.who.guid,
    )
    return accepted(call, job)


async def _usable_plan(call: Call, guid: str, space: str) -> sa.Row[Any]:
    select = (
        sa.select(
            service_plans,
            service_offerings.c.catalog.label("offering_catalog"),
            service_brokers.c.state,
            usable_in_spaces([space]).label("usable"),
        )
        .join(service_offerings, service_offerings.c.guid == service_plans.c.offering_guid)
        .join(service_brokers, service_brokers.c.guid == service_offerings.c.broker_guid)
        .where(service_plans.c.guid == guid, visible_plans(call.who))
    )
    row = (await call.db.execute(select)).first()
    if row is None:
        raise unprocessable(NO_PLAN)
    if not row.available:
        raise unprocessable(
            f"Invalid service plan. The service plan '{row.name}' with guid '{row.guid}' has been removed from the "
            "service broker's catalog. It is not possible to create new service instances using this plan."
        )
    if not row.usable:
        raise unprocessable(
            f"Invalid service plan. The plan '{row.name}' with guid '{row.guid}' is not offered in this space: "
            "an admin can enable it for the organization with `cf enable-service-access`."
        )
    return row


async def _replace_failed(call: Call, space: str, name: str) -> None:
    """One whose making has failed gives its name free; the broker is asked to remove what there may be of it."""
    mine = sa.and_(service_instances.c.space_guid == space, service_instances.c.name == name)
    row = (await call.db.execute(sa.select(service_instances).where(mine).with_for_update())).first()
    if row is None or not is_now(row.last_operation, "create", "failed"):
        return
    target = await instance_target(call.platform, call.db, row.guid)
    if target is not None:
        await remove_instance_later(call.db, target)
    await call.db.execute(sa.delete(service_instances).where(service_instances.c.guid == row.guid))


async def _free(call: Call, space: str, name: str) -> None:
    taken = sa.select(service_instances.c.guid).where(
        service_instances.c.space_guid == space, service_instances.c.name == name
    )
    if await call.db.scalar(taken):
        raise uniqueness(f"The service instance name is taken: {name}.")


async def update(call: Call) -> Response:
    """Change one: as a job where the broker must know of it, else at once."""
    row = await need_in(call, service_instances, call.path(), "develop", WHAT)
    raw = await call.raw()
    if row.type == "user-provided":
        return await _update_provided(call, row, decode(raw, ChangeProvided))
    return await _update_managed(call, row, decode(raw, ChangeManaged))


async def _update_provided(call: Call, row: sa.Row[Any], body: ChangeProvided) -> Response:
    values: dict[str, Any] = merged_labels(row.labels, row.annotations, body.metadata)
    if body.name is not UNSET and body.name != row.name:
        await _free(call, row.space_guid, body.name)
        values["name"] = body.name
    if body.credentials is not UNSET:
        values["credentials"] = call.platform.sealer.seal(body.credentials)
    if body.tags is not UNSET:
        values["tags"] = _checked_tags(body.tags)
    if body.syslog_drain_url is not UNSET:
        values["syslog_drain_url"] = _drain(body.syslog_drain_url)
    if body.route_service_url is not UNSET:
        values["route_service_url"] = _route_service(body.route_service_url)
    values["last_operation"] = begun("update", "succeeded")
    row = await _change(call, row.guid, values)
    await _tell(call, "audit.user_provided_service_instance.update", row)
    return answer(await present_one(call, row))


async def _change(call: Call, guid: str, values: dict[str, Any]) -> sa.Row[Any]:
    change = sa.update(service_instances).where(service_instances.c.guid == guid).values(values)
    return (await call.db.execute(change.returning(service_instances))).one()


async def _update_managed(call: Call, row: sa.Row[Any], body: ChangeManaged) -> Response:
    if is_now(row.last_operation, "create", "failed"):
        raise unprocessable(f"The service instance '{row.name}' was not made: delete it, or make it again")
    if going_on(row.last_operation):
        raise in_progress(row)
    now: dict[str, Any] = merged_labels(row.labels, row.annotations, body.metadata)
    if body.tags is not UNSET:
        now["tags"] = _checked_tags(body.tags)
    asked = await _asked(call, row, body)
    if not asked.broker:
        row = await _change(call, row.guid, {**now, **asked.change})
        await _tell(call, "audit.service_instance.update", row)
        return answer(await present_one(call, row))
    row = await _change(call, row.guid, {**now, "last_operation": begun("update", "initial")})
    await _tell(call, "audit.service_instance.start_update", row)
    parameters = {} if body.parameters is UNSET else body.parameters
    payload = {
        "change": asked.change,
        "plan": asked.plan.unique_id,
        "body": asked.body,
        "user_name": call.who.name,
    }
    job = await enqueue(
        call.db,
        "service_instance.update",
        row.guid,
        payload,
        sealed=call.platform.sealer.seal(parameters),
        user=call.who.guid,
    )
    return accepted(call, job)


@dataclass(frozen=True)
class Asked:
    """What comes of a change: whether the broker is asked at all, columns, what it is told beside parameters, the plan."""

    broker: bool
    change: dict[str, Any]
    body: dict[str, Any]
    plan: sa.Row[Any]


async def _asked(call: Call, row: sa.Row[Any], body: ChangeManaged) -> Asked:
    guid = row.plan_guid if body.relationships.service_plan is None else body.relationships.service_plan.data.guid
    plan = await (_kept_plan(call, row) if guid == row.plan_guid else _usable_plan(call, guid, row.space_guid))
    change: dict[str, Any] = {}
    asked: set[str] = set()
    if body.name is not UNSET and body.name != row.name:
        await _free(call, row.space_guid, body.name)
        change["name"] = body.name
        if plan.offering_catalog.get("allow_context_updates"):
            asked.add("name")
    if guid != row.plan_guid:
        await _check_other_plan(call, row, plan)
        change["plan_guid"] = plan.guid
        change["maintenance_info"] = plan.catalog.get("maintenance_info") or {}
        asked.add("plan")
    if isinstance(body.maintenance_info, Maintenance):
        change["maintenance_info"] = _checked_maintenance(plan, body.maintenance_info, row)
        if change["maintenance_info"].get("version") != row.maintenance_info.get("version"):
            asked.add("maintenance")
    if body.parameters is not UNSET:
        asked.add("parameters")
    version = (change.get("maintenance_info") or {}).get("version")
    sent = {"maintenance_info": {"version": version}} if version else {}
    return Asked(bool(asked), change, sent, plan)


async def _kept_plan(call: Call, row: sa.Row[Any]) -> sa.Row[Any]:
    select = (
        sa.select(service_plans, service_offerings.c.catalog.label("offering_catalog"))
        .join(service_offerings, service_offerings.c.guid == service_plans.c.offering_guid)
        .where(service_plans.c.guid == row.plan_guid)
    )
    return (await call.db.execute(select)).one()


async def _check_other_plan(call: Call, row: sa.Row[Any], plan: sa.Row[Any]) -> None:
    old = await _kept_plan(call, row)
    if old.offering_guid != plan.offering_guid:
        raise unprocessable("The service plan relates to a different service offering")
    if not updateable(old.catalog, old.offering_catalog):
        raise unprocessable("The service does not support changing plans.")
    if not plan.free:
        await check_service_instances(call.db, row.space_guid, free=False)


def _checked_maintenance(plan: sa.Row[Any], wanted: Maintenance, row: sa.Row[Any]) -> dict[str, Any]:
    offered: dict[str, Any] = plan.catalog.get("maintenance_info") or {}
    if not offered:
        raise unprocessable(
            "The service broker does not support upgrades for service instances created from this plan."
        )
    if wanted.version not in (offered.get("version"), row.maintenance_info.get("version")):
        raise unprocessable(
            f"maintenance_info.version requested is invalid: the plan offers {offered.get('version')}. "
            "Ensure the catalog is up to date and you are providing a version supported by this service plan."
        )
    return offered if wanted.version == offered.get("version") else row.maintenance_info


async def _tell(call: Call, type: str, row: sa.Row[Any]) -> None:
    await record(call.db, call.who, type, Target("service_instance", row.guid, row.name), space=row.space_guid)


ENDPOINTS = [
    Endpoint("POST", "/v3/service_instances", create),
    Endpoint("PATCH", "/v3/service_instances/{guid}", update),
]
