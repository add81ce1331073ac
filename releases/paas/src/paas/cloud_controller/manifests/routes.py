"""What a manifest says of routes: found or made, and led to the app."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from msgspec import UNSET

from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.manifests.read import AppManifest
from paas.cloud_controller.outbox.put import routes_changed
from paas.cloud_controller.schema import destinations, domains, routes, spaces
from paas.database.transaction import Transaction

WORDS = 4
"""Bytes of randomness in a random route's host."""


@dataclass(frozen=True)
class Address:
    """Of a route, on one of the platform's domains."""

    domain: str
    host: str
    path: str


async def apply_routes(db: Transaction, who: Identity, app: sa.Row[Any], given: AppManifest) -> None:
    """Destinations of the app's web process as the manifest wants them; others stay, except with ``no-route``."""
    before = await _destinations(db, app.guid)
    if given.no_route:
        await db.execute(sa.delete(destinations).where(destinations.c.app_guid == app.guid))
    else:
        wanted = [] if given.routes is UNSET else given.routes
        addresses = [await _address(db, app.space_guid, one.route) for one in wanted]
        if not wanted and not before:
            if given.random_route:
                addresses = [await _default(db, app, f"-{secrets.token_hex(WORDS)}")]
            elif given.default_route:
                addresses = [await _default(db, app, "")]
        protocols = [one.protocol for one in wanted] or ["http1"]
        for number, address in enumerate(addresses):
            route = await _route(db, who, app, address)
            await _lead(db, route, app.guid, protocols[min(number, len(protocols) - 1)])
    if await _destinations(db, app.guid) != before:
        await routes_changed(db, [app.guid])


async def _destinations(db: Transaction, app: str) -> set[str]:
    return set((await db.execute(sa.select(destinations.c.guid).where(destinations.c.app_guid == app))).scalars())


def _domains_of(space: str) -> sa.Select[Any]:
    """Those that routes of the space may have: shared ones, and the organization's own; the platform's first shared one first."""
    organization = sa.select(spaces.c.organization_guid).where(spaces.c.guid == space).scalar_subquery()
    usable = sa.or_(domains.c.organization_guid.is_(None), domains.c.organization_guid == organization)
    return sa.select(domains).where(usable).order_by(domains.c.organization_guid.is_not(None), domains.c.created_at)


async def _address(db: Transaction, space: str, text: str) -> Address:
    url = re.sub(r"^https?://", "", text.strip().lower())
    name, slash, path = url.partition("/")
    name, _, port = name.partition(":")
    if port:
        raise unprocessable(f"The route '{text}' is invalid: ports are for routes of TCP, which this platform has not")
    if not name or not re.match(r"^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$", name):
        raise unprocessable(f"The route '{text}' is not a properly formed URL")
    by_name = {row.name: row for row in await db.execute(_domains_of(space))}
    parts = name.split(".")
    for cut in (0, 1):
        domain = by_name.get(".".join(parts[cut:]))
        if domain is not None:
            return Address(domain.guid, ".".join(parts[:cut]), f"{slash}{path}".rstrip("/"))
    raise unprocessable(
        f"The route '{text}' could not be created: no domain of this organization fits. Known are: {', '.join(by_name) or 'none'}"
    )


async def _default(db: Transaction, app: sa.Row[Any], more: str) -> Address:
    domain = (await db.execute(_domains_of(app.space_guid).where(domains.c.internal.is_(False)).limit(1))).first()
    if domain is None:
        raise unprocessable("The app has no default route: the platform has no shared domain")
    host = re.sub(r"[^a-z0-9-]+", "-", app.name.lower()).strip("-")[: 63 - len(more)].rstrip("-")
    if not host:
        raise unprocessable(f"The app has no default route: no host can be made of its name '{app.name}'")
    return Address(domain.guid, host + more, "")


async def _route(db: Transaction, who: Identity, app: sa.Row[Any], address: Address) -> str:
    same = sa.and_(routes.c.domain_guid == address.domain, routes.c.host == address.host, routes.c.path == address.path)
    found = (await db.execute(sa.select(routes.c.guid, routes.c.space_guid).where(same))).first()
    if found is not None:
        if found.space_guid != app.space_guid:
            raise unprocessable(
                "Routes cannot be mapped to destinations in different spaces: "
                f"the route with host '{address.host}' belongs to another space"
            )
        return found.guid
    values = {
        "domain_guid": address.domain,
        "host": address.host,
        "path": address.path,
        "space_guid": app.space_guid,
    }
    guid = (await db.execute(sa.insert(routes).values(values).returning(routes.c.guid))).scalar_one()
    await record(db, who, "audit.route.create", Target("route", guid, address.host), space=app.space_guid)
    return guid


async def _lead(db: Transaction, route: str, app: str, protocol: str) -> None:
    same = sa.and_(
        destinations.c.route_guid == route, destinations.c.app_guid == app, destinations.c.process_type == "web"
    )
    if await db.scalar(sa.select(destinations.c.guid).where(same)) is None:
        values = {"route_guid": route, "app_guid": app, "protocol": protocol}
        await db.execute(sa.insert(destinations).values(values))
