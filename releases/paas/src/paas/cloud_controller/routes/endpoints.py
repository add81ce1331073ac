"""``/v3/routes``."""

from __future__ import annotations

from typing import Annotated, Any

import sqlalchemy as sa
from msgspec import UNSET, Meta, UnsetType
from starlette.responses import Response

from paas.cloud_controller.api.access import need, need_in, space_powers, visible_spaces
from paas.cloud_controller.api.body import Body, Metadata, ToOne, merged_labels
from paas.cloud_controller.api.call import Call, Endpoint, accepted, answer
from paas.cloud_controller.api.errors import bad_query, not_authorized, unprocessable
from paas.cloud_controller.api.lists import Listing, Rows, among, answer_list, included_of
from paas.cloud_controller.domains.access import visible as visible_domains
from paas.cloud_controller.domains.endpoints import need_domain
from paas.cloud_controller.domains.present import included_domains
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.jobs.queue import enqueue
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.routes.make import Wanted, make_route
from paas.cloud_controller.routes.mapping import delete_routes
from paas.cloud_controller.routes.options import Options, merged_options
from paas.cloud_controller.routes.present import present, present_all
from paas.cloud_controller.schema import apps, destinations, domains, routes, spaces
from paas.cloud_controller.spaces.present import included as included_spaces


async def _spaces(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    return await included_spaces(call, {row.space_guid for row in rows}, organization_too=False)


async def _organizations(call: Call, rows: Rows) -> dict[str, list[dict[str, Any]]]:
    return await included_spaces(call, {row.space_guid for row in rows}, organization_too=True)


def _ports(values: list[str]) -> sa.ColumnElement[bool]:
    if not all(value.isdecimal() for value in values):
        raise bad_query("Ports must be whole numbers")
    return routes.c.port.in_([int(value) for value in values if int(value) < 65536])


LISTING = Listing(
    routes,
    {
        "hosts": lambda values: routes.c.host.in_([value.lower() for value in values]),
        "paths": among(routes.c.path),
        "ports": _ports,
        "domain_guids": among(routes.c.domain_guid),
        "space_guids": among(routes.c.space_guid),
        "organization_guids": lambda values: routes.c.space_guid.in_(
            sa.select(spaces.c.guid).where(spaces.c.organization_guid.in_(values))
        ),
        "app_guids": lambda values: routes.c.guid.in_(
            sa.select(destinations.c.route_guid).where(destinations.c.app_guid.in_(values))
        ),
        "service_instance_guids": lambda _: sa.false(),
    },
    order=("host",),
    includes={"domain": included_domains, "space": _spaces, "space.organization": _organizations},
)


class Relationships(Body, frozen=True, kw_only=True):
    """In which space, below which domain."""

    space: ToOne
    domain: ToOne


class Create(Body, frozen=True, kw_only=True):
    """A new route."""

    relationships: Relationships
    host: str | None = None
    path: str | None = None
    port: Annotated[int, Meta(ge=0, le=65535)] | None = None
    options: Options | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


class Change(Body, frozen=True, kw_only=True):
    """What may be changed."""

    options: Options | UnsetType | None = UNSET
    metadata: Metadata | UnsetType = UNSET


async def need_route(call: Call, power: str = "read") -> sa.Row[Any]:
    """The route in the path; 404 or 403."""
    return await need_in(call, routes, call.path(), power, "Route")


async def index(call: Call) -> Response:
    """Those of the user's spaces."""
    select = sa.select(routes).where(routes.c.space_guid.in_(visible_spaces(call.who)))
    return await answer_list(call, LISTING, select, present_all)


async def of_app(call: Call) -> Response:
    """Those that lead to an app."""
    app = await need_in(call, apps, call.path(), what="App")
    led = sa.select(destinations.c.route_guid).where(destinations.c.app_guid == app.guid)
    return await answer_list(call, LISTING, sa.select(routes).where(routes.c.guid.in_(led)), present_all)


async def show(call: Call) -> Response:
    """One."""
    row = await need_route(call)
    found = await present(call, row)
    if included := await included_of(call, LISTING, [row]):
        found["included"] = included
    return answer(found)


async def create(call: Call) -> Response:
    """Make one."""
    body = await call.body(Create)
    space, domain = body.relationships.space.data.guid, body.relationships.domain.data.guid
    powers = await space_powers(call.db, call.who, space)
    if powers is None or not powers.read:
        raise unprocessable("Invalid space. Ensure that the space exists and you have access to it.")
    if not powers.develop:
        raise not_authorized(*(["The organization is suspended"] if powers.suspended else []))
    select = sa.select(domains).where(domains.c.guid == domain, visible_domains(call.who))
    below = (await call.db.execute(select)).first()
    if below is None:
        raise unprocessable("Invalid domain. Ensure that the domain exists and you have access to it.")
    if body.port:
        raise unprocessable("Ports are supported for domains of TCP routers only, which this platform does not have.")
    wanted = Wanted(
        below,
        (body.host or "").lower(),
        body.path or "",
        merged_options({}, body.options),
        merged_labels({}, {}, body.metadata),
    )
    row = await make_route(call.db, call.platform.config, call.who, space, wanted)
    return answer(await present(call, row), 201)


async def update(call: Call) -> Response:
    """Label, and change options."""
    row = await need_route(call, "develop")
    body = await call.body(Change)
    values: dict[str, Any] = {
        **merged_labels(row.labels, row.annotations, body.metadata),
        "options": merged_options(row.options, body.options),
    }
    change = sa.update(routes).where(routes.c.guid == row.guid).values(values).returning(routes)
    return answer(await present(call, (await call.db.execute(change)).one()))


async def delete(call: Call) -> Response:
    """Delete it, as a job."""
    row = await need_route(call, "develop")
    target = Target("route", row.guid, row.host)
    await record(call.db, call.who, "audit.route.delete-request", target, space=row.space_guid)
    return accepted(call, await enqueue(call.db, "route.delete", row.guid, user=call.who.guid))


async def delete_work(platform: Platform, job: Job) -> Outcome:
    """The job."""
    async with platform.database.begin() as db:
        await delete_routes(db, [job.resource_guid])
    return Done()


async def delete_unmapped(call: Call) -> Response:
    """Delete those of a space that lead nowhere, as a job."""
    await need(call, call.path(), "develop")
    if call.query.one("unmapped") != "true":
        raise unprocessable(
            "Mass delete not supported for mapped routes. Use 'unmapped=true' parameter to delete all unmapped routes."
        )
    job = await enqueue(call.db, "space.delete_unmapped_routes", call.path(), user=call.who.guid)
    return accepted(call, job)


async def delete_unmapped_work(platform: Platform, job: Job) -> Outcome:
    """The job."""
    async with platform.database.begin() as db:
        led = sa.exists().where(destinations.c.route_guid == routes.c.guid)
        await db.execute(sa.delete(routes).where(routes.c.space_guid == job.resource_guid, ~led))
    return Done()


async def reservations(call: Call) -> Response:
    """Whether a route with this host and path is there, in whatever space."""
    row = await need_domain(call)
    query = call.query
    if unknown := set(query.filters) - {"host", "path", "port"}:
        raise bad_query(f"Unknown query parameter(s): '{min(unknown)}'. Valid parameters are: 'host', 'path', 'port'")
    select = sa.select(routes.c.guid).where(
        routes.c.domain_guid == row.guid,
        routes.c.host == query.one("host").lower(),
        routes.c.path == query.one("path"),
    )
    return answer({"matching_route": await call.db.scalar(select) is not None})


async def shared_spaces(call: Call) -> Response:
    """A route is in one space."""
    row = await need_route(call)
    path = f"/v3/routes/{row.guid}/relationships/shared_spaces"
    return answer({"data": [], "links": {"self": call.link(path)}})


async def refuse_share(call: Call) -> Response:
    """Routes are not shared: each space has its own."""
    await need_route(call, "develop")
    raise unprocessable(
        "Sharing routes between spaces is not offered by this platform; make a route of its own in the other space, "
        "or move this one with `cf move-route`."
    )


async def move(call: Call) -> Response:
    """Into another space, while it leads to no app."""
    row = await need_route(call, "develop")
    body = await call.body(ToOne)
    target = body.data.guid
    why = f"Unable to transfer owner of route '{row.host}' to space '{target}'."
    powers = await space_powers(call.db, call.who, target)
    if powers is None or not powers.read:
        raise unprocessable(f"{why} Ensure the space exists and that you have access to it.")
    if not powers.develop:
        raise unprocessable(f"{why} You don't have write permission for the target space.")
    if await call.db.scalar(sa.select(destinations.c.guid).where(destinations.c.route_guid == row.guid).limit(1)):
        raise unprocessable(f"{why} It leads to apps of its space: unmap it first.")
    home = (await call.db.execute(sa.select(spaces).where(spaces.c.guid == target))).one()
    from_domain = (await call.db.execute(sa.select(domains).where(domains.c.guid == row.domain_guid))).one()
    if from_domain.organization_guid not in (None, home.organization_guid):
        raise unprocessable(f"{why} Target space does not have access to route's domain")
    await call.db.execute(sa.update(routes).where(routes.c.guid == row.guid).values(space_guid=target))
    return answer({"data": {"guid": target}})


ENDPOINTS = [
    Endpoint("GET", "/v3/routes", index),
    Endpoint("POST", "/v3/routes", create),
    Endpoint("GET", "/v3/routes/{guid}", show),
    Endpoint("PATCH", "/v3/routes/{guid}", update),
    Endpoint("DELETE", "/v3/routes/{guid}", delete),
    Endpoint("GET", "/v3/routes/{guid}/relationships/shared_spaces", shared_spaces),
    Endpoint("POST", "/v3/routes/{guid}/relationships/shared_spaces", refuse_share),
    Endpoint("DELETE", "/v3/routes/{guid}/relationships/shared_spaces/{space}", refuse_share),
    Endpoint("PATCH", "/v3/routes/{guid}/relationships/space", move),
    Endpoint("GET", "/v3/apps/{guid}/routes", of_app),
    Endpoint("DELETE", "/v3/spaces/{guid}/routes", delete_unmapped),
    Endpoint("GET", "/v3/domains/{guid}/route_reservations", reservations),
]
WORKS = {"route.delete": delete_work, "space.delete_unmapped_routes": delete_unmapped_work}
