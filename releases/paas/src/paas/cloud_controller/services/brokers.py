"""``/v3/service_brokers``."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

import sqlalchemy as sa
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need_admin, space_powers, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, ToOne, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import ApiError, not_authorized, not_found, uniqueness, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.flags.flags import need_flag
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.schema import service_brokers, service_instances, service_offerings, service_plans
from paas.cloud_controller.services import present

LISTING = Listing(
    service_brokers,
    {"names": among(service_brokers.c.name), "space_guids": among(service_brokers.c.space_guid)},
    order=("name",),
)
SYNCHRONIZING = "synchronization in progress"
Secret = Annotated[str, Meta(min_length=1, max_length=4096)]


class Credentials(Body, frozen=True, kw_only=True):
    """With what the broker is asked."""

    username: Secret
    password: Secret


class Authentication(Body, frozen=True, kw_only=True):
    """Basic authentication is all there is."""

    type: Literal["basic"]
    credentials: Credentials


class Relationships(Body, frozen=True, kw_only=True):
    """The space that alone may use the broker."""

    space: ToOne | None = None


class Create(Body, frozen=True, kw_only=True):
    """A new broker."""

    name: Name
    url: str
    authentication: Authentication
    relationships: Relationships = Relationships()
    metadata: Metadata | UnsetType = UNSET


class Change(Body, frozen=True, kw_only=True):
    """What may be changed."""

    name: Name | UnsetType = UNSET
    url: str | UnsetType = UNSET
    authentication: Authentication | UnsetType = UNSET
    metadata: Metadata | UnsetType = UNSET


async def _present_all(call: Call, rows: Rows) -> list[dict[str, Any]]:
    return [present.broker(call, row) for row in rows]


def _visible(call: Call) -> sa.ColumnElement[bool]:
    return sa.true() if call.who.sees_all else service_brokers.c.space_guid.in_(visible_spaces(call.who))


async def _row(call: Call, *, write: bool = False) -> sa.Row[Any]:
    select = sa.select(service_brokers).where(service_brokers.c.guid == call.path(), _visible(call))
    if write:
        select = select.with_for_update()
    row = (await call.db.execute(select)).first()
    if row is None:
        raise not_found("Service broker")
    if write:
        await _need_owner(call, row.space_guid)
    return row


async def _need_owner(call: Call, space: str | None) -> None:
    if space is None:
        need_admin(call)
        return
    powers = await space_powers(call.db, call.who, space)
    if powers is None or not powers.read:
        raise unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
    if not powers.develop:
        raise not_authorized(*(["The organization is suspended"] if powers.suspended else []))


async def index(call: Call) -> Response:
    """All for admins; those of their spaces for others."""
    return await answer_list(call, LISTING, sa.select(service_brokers).where(_visible(call)), _present_all)


async def show(call: Call) -> Response:
    """One."""
    return answer(present.broker(call, await _row(call)))


def checked_url(url: str) -> str:
    """422 for what is no URL of a broker."""
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        good, parts = False, urlsplit("")
    if not good or any(ord(character) <= 32 for character in url):
        raise unprocessable("Url must be a valid url: http:// or https://, a host, and a port where it is another one")
    if parts.username is not None:
        raise unprocessable("Url must not contain authentication; give it as authentication.credentials")
    if parts.query or parts.fragment:
        raise unprocessable("Url must have no query and no fragment: the paths of the broker API are put after it")
    return url


async def create(call: Call) -> Response:
    """Make one; it is there once its catalog has been read, as a job."""
    body = await call.body(Create)
    space = None if body.relationships.space is None else body.relationships.space.data.guid
    if space is not None:
        await need_flag(call.db, call.who, "space_scoped_private_broker_creation")
    await _need_owner(call, space)
    await _free(call, body.name)
    values = {
        "name": body.name,
        "url": checked_url(body.url),
        "credentials": _sealed(call, body.authentication),
        "state": SYNCHRONIZING,
        "space_guid": space,
        **merged_labels({}, {}, body.metadata),
    }
    row = (await call.db.execute(sa.insert(service_brokers).values(values).returning(service_brokers))).one()
    await _tell(call, "create", row)
    payload = {"new": True}
    job = await enqueue(call.db, "service_broker.catalog.synchronize", row.guid, payload, user=call.who.guid)
    return accepted(call, job)


def _sealed(call: Call, given: Authentication) -> str:
    return call.platform.sealer.seal({"username": given.credentials.username, "password": given.credentials.password})


async def update(call: Call) -> Response:
    """Change it once its catalog has been read with what is new, as a job; labels at once."""
    row = await _row(call, write=True)
    body = await call.body(Change)
    labels = merged_labels(row.labels, row.annotations, body.metadata)
    change = sa.update(service_brokers).where(service_brokers.c.guid == row.guid)
    if body.name is UNSET and body.url is UNSET and body.authentication is UNSET:
        row = (await call.db.execute(change.values(labels).returning(service_brokers))).one()
        return answer(present.broker(call, row))
    if row.state != "available":
        raise unprocessable("Cannot update a broker when other operation is already in progress")
    new: dict[str, Any] = {}
    if body.name is not UNSET and body.name != row.name:
        await _free(call, body.name)
        new["name"] = body.name
    if body.url is not UNSET:
        new["url"] = checked_url(body.url)
    sealed = _sealed(call, body.authentication) if body.authentication is not UNSET else ""
    await call.db.execute(change.values(state=SYNCHRONIZING, **labels))
    await _tell(call, "update", row)
    payload = {"new": False, "change": new}
    job = await enqueue(
        call.db, "service_broker.catalog.synchronize", row.guid, payload, sealed=sealed, user=call.who.guid
    )
    return accepted(call, job)


async def delete(call: Call) -> Response:
    """Delete it, as a job; not while there are instances of its services."""
    row = await _row(call, write=True)
    if await _used(call, row.guid):
        detail = f"Can not remove brokers that have associated service instances: {row.name}"
        raise ApiError(422, 270010, "CF-ServiceBrokerNotRemovable", detail)
    await call.db.execute(
        sa.update(service_brokers).where(service_brokers.c.guid == row.guid).values(state="delete in progress")
    )
    await _tell(call, "delete", row)
    return accepted(call, await enqueue(call.db, "service_broker.delete", row.guid, user=call.who.guid))


async def _used(call: Call, guid: str) -> bool:
    select = (
        sa.select(service_instances.c.guid)
        .join(service_plans, service_plans.c.guid == service_instances.c.plan_guid)
        .join(service_offerings, service_offerings.c.guid == service_plans.c.offering_guid)
        .where(service_offerings.c.broker_guid == guid)
    )
    return await call.db.scalar(select.limit(1)) is not None


async def _free(call: Call, name: str) -> None:
    if await call.db.scalar(sa.select(service_brokers.c.guid).where(service_brokers.c.name == name)):
        raise uniqueness("Name must be unique")


async def _tell(call: Call, verb: str, row: sa.Row[Any]) -> None:
    target = Target("service_broker", row.guid, row.name)
    await record(call.db, call.who, f"audit.service_broker.{verb}", target, space=row.space_guid)


ENDPOINTS = [
    Endpoint("GET", "/v3/service_brokers", index),
    Endpoint("POST", "/v3/service_brokers", create),
    Endpoint("GET", "/v3/service_brokers/{guid}", show),
    Endpoint("PATCH", "/v3/service_brokers/{guid}", update),
    Endpoint("DELETE", "/v3/service_brokers/{guid}", delete),
]
