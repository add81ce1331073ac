"""``/v3/routes/G/destinations``: where a route leads."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import sqlalchemy as sa
from msgspec import Meta
from starlette.responses import Response

from paas.cloud_controller.api.access import space_powers
from paas.cloud_controller.api.body import Body
from paas.cloud_controller.api.call import Call, Endpoint, answer, empty
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.api.names import Name
from paas.cloud_controller.outbox.put import routes_changed
from paas.cloud_controller.routes.endpoints import need_route
from paas.cloud_controller.routes.mapping import Goal, map_route, replace_goals, unmap
from paas.cloud_controller.routes.present import destination, destinations_of
from paas.cloud_controller.schema import apps, destinations

MOST = 100


class Process(Body, frozen=True, kw_only=True):
    """Which of the app's processes."""

    type: Name = "web"


class App(Body, frozen=True, kw_only=True):
    """Which app."""

    guid: str
    process: Process = Process()


class Destination(Body, frozen=True, kw_only=True):
    """One place to lead to; weights are not offered."""

    app: App
    port: Annotated[int, Meta(ge=1024, le=65535)] | None = None
    protocol: Literal["http1", "http2", "tcp"] | None = None
    weight: int | None = None


class Destinations(Body, frozen=True, kw_only=True):
    """Several."""

    destinations: list[Destination]


class Change(Body, frozen=True, kw_only=True):
    """What may be changed of one."""

    protocol: Literal["http1", "http2", "tcp"] | None = None


async def index(call: Call) -> Response:
    """Where it leads."""
    row = await need_route(call)
    found = (await destinations_of(call, [row.guid])).get(row.guid, [])
    if wanted := call.query.filters.get("guids"):
        found = [one for one in found if one["guid"] in wanted]
    if wanted := call.query.filters.get("app_guids"):
        found = [one for one in found if one["app"]["guid"] in wanted]
    return answer(_answer(call, row.guid, found))


def _answer(call: Call, route: str, found: list[dict[str, Any]]) -> dict[str, Any]:
    path = f"/v3/routes/{route}"
    return {"destinations": found, "links": {"self": call.link(f"{path}/destinations"), "route": call.link(path)}}


async def add(call: Call) -> Response:
    """Lead to more apps."""
    return await _change(call, least=1, replace=False)


async def replace(call: Call) -> Response:
    """Lead to these apps and to no others."""
    return await _change(call, least=0, replace=True)


async def _change(call: Call, *, least: int, replace: bool) -> Response:
    row = await need_route(call, "operate")
    body = await call.body(Destinations)
    if not least <= len(body.destinations) <= MOST:
        raise unprocessable(f"Destinations must be an array containing between {least} and {MOST} destination objects.")
    goals = [_goal(one, index) for index, one in enumerate(body.destinations)]
    if len({(one.app, one.process_type, one.port) for one in goals}) < len(goals):
        raise unprocessable("Destinations cannot contain duplicate entries")
    await _check_apps(call, row.space_guid, goals)
    if replace:
        await replace_goals(call.db, call.who, row.guid, goals)
    else:
        await map_route(call.db, call.who, row.guid, goals)
    found = (await destinations_of(call, [row.guid])).get(row.guid, [])
    if len(found) > MOST:
        raise unprocessable(f"Routes can be mapped to at most {MOST} destinations.")
    return answer(_answer(call, row.guid, found))


def _goal(one: Destination, index: int) -> Goal:
    if one.weight is not None:
        raise unprocessable(
            f"Destinations[{index}]: weight is not supported: requests are spread evenly over all instances"
        )
    if one.protocol == "tcp":
        raise unprocessable("Cannot use 'tcp' protocol for http routes; valid options are: [http1, http2].")
    return Goal(one.app.guid, one.app.process.type, one.port, one.protocol or "http1")


async def _check_apps(call: Call, space: str, goals: list[Goal]) -> None:
    wanted = list(dict.fromkeys(one.app for one in goals))
    select = sa.select(apps.c.guid, apps.c.space_guid).where(apps.c.guid.in_(wanted))
    found = {row.guid: row.space_guid for row in (await call.db.execute(select)).all()}
    if missing := [guid for guid in wanted if guid not in found]:
        listed = '", "'.join(missing)
        raise unprocessable(f'App(s) with guid(s) "{listed}" do not exist.')
    for guid, home in found.items():
        if home == space:
            continue
        powers = await space_powers(call.db, call.who, home)
        if powers is None or not powers.read:
            raise unprocessable(f'App(s) with guid(s) "{guid}" do not exist.')
        raise unprocessable("Routes destinations must be in either the route's space or the route's shared spaces")


async def update(call: Call) -> Response:
    """Speak another protocol with the app."""
    row = await _row(call)
    body = await call.body(Change)
    if body.protocol == "tcp":
        raise unprocessable("Destination protocol must be 'http1' or 'http2' if the parent route's protocol is 'http'")
    change = sa.update(destinations).where(destinations.c.guid == row.guid).values(protocol=body.protocol or "http1")
    row = (await call.db.execute(change.returning(destinations))).one()
    await routes_changed(call.db, [row.app_guid])
    return answer(destination(row))


async def remove(call: Call) -> Response:
    """Lead there no more."""
    row = await _row(call)
    await unmap(call.db, call.who, [row.guid])
    return empty()


async def _row(call: Call) -> sa.Row[Any]:
    route = await need_route(call, "operate")
    select = sa.select(destinations).where(
        destinations.c.guid == call.path("destination"), destinations.c.route_guid == route.guid
    )
    row = (await call.db.execute(select)).first()
    if row is None:
        raise unprocessable(
            "Unable to unmap route from destination. Ensure the route has a destination with this guid."
        )
    return row


ENDPOINTS = [
    Endpoint("GET", "/v3/routes/{guid}/destinations", index),
    Endpoint("POST", "/v3/routes/{guid}/destinations", add),
    Endpoint("PATCH", "/v3/routes/{guid}/destinations", replace),
    Endpoint("PATCH", "/v3/routes/{guid}/destinations/{destination}", update),
    Endpoint("DELETE", "/v3/routes/{guid}/destinations/{destination}", remove),
]
