"""What a manifest says of routes: found or made, and led to the app."""

from __future__ import annotations

import re
import secrets
from typing import Any, Literal, cast

import sqlalchemy as sa
from msgspec import UNSET

from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.config import Config
from paas.cloud_controller.domains.access import usable_in
from paas.cloud_controller.manifests.read import AppManifest, RouteManifest
from paas.cloud_controller.routes.make import HOST_CHARACTERS, Wanted, make_route, split_url
from paas.cloud_controller.routes.mapping import Goal, map_route, unmap
from paas.cloud_controller.schema import destinations, domains, routes, spaces
from paas.database.transaction import Transaction

RANDOM_BYTES = 4
PROTOCOLS = ("http1", "http2")
_NAME = re.compile(r"^(\*\.)?[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?$", re.IGNORECASE)


async def apply_routes(config: Config, db: Transaction, who: Identity, app: sa.Row[Any], given: AppManifest) -> None:
    """The app's web process has the routes of the manifest; others stay, except with ``no-route``."""
    before = (await db.scalars(sa.select(destinations.c.guid).where(destinations.c.app_guid == app.guid))).all()
    if given.no_route:
        await unmap(db, who, before)
        return
    wanted = [] if given.routes is UNSET else given.routes
    organization = await db.scalar(sa.select(spaces.c.organization_guid).where(spaces.c.guid == app.space_guid))
    if wanted:
        for one in wanted:
            await _lead(config, db, who, app, await _wanted(db, organization, one), one.protocol)
    elif not before and (given.random_route or given.default_route):
        more = f"-{secrets.token_hex(RANDOM_BYTES)}" if given.random_route else ""
        await _lead(config, db, who, app, await _default(db, app, organization, more), "http1")


async def _wanted(db: Transaction, organization: str, given: RouteManifest) -> Wanted:
    url = re.sub(r"^https?://", "", given.route.strip())
    name, _, path = url.partition("/")
    if ":" in name:
        raise unprocessable(f"The route '{given.route}' is invalid: ports are for routes of TCP, which are not offered")
    if not _NAME.match(name):
        raise unprocessable(f"The route '{given.route}' is not a properly formed URL")
    if given.protocol not in PROTOCOLS:
        raise unprocessable(f"The route '{given.route}' has protocol '{given.protocol}'; it must be http1 or http2")
    domain, host, path = await split_url(db, organization, url)
    return Wanted(domain, host, path.rstrip("/"), given.options)


async def _default(db: Transaction, app: sa.Row[Any], organization: str, more: str) -> Wanted:
    """A host of the app's name on the platform's first shared domain, or else on the organization's own."""
    select = (
        sa.select(domains)
        .where(usable_in(organization), domains.c.internal.is_(False))
        .order_by(domains.c.organization_guid.is_not(None), domains.c.created_at)
    )
    domain = (await db.execute(select.limit(1))).first()
    if domain is None:
        raise unprocessable("The app has no default route: there is no domain for it")
    host = re.sub(r"[^a-z0-9-]+", "-", app.name.lower()).strip("-")[: HOST_CHARACTERS - len(more)].rstrip("-")
    if not host:
        raise unprocessable(f"The app has no default route: no host can be made of its name '{app.name}'")
    return Wanted(domain, host + more)


async def _lead(
    config: Config, db: Transaction, who: Identity, app: sa.Row[Any], wanted: Wanted, protocol: str
) -> None:
    same = sa.and_(
        routes.c.domain_guid == wanted.domain.guid, routes.c.host == wanted.host, routes.c.path == wanted.path
    )
    found = (await db.execute(sa.select(routes.c.guid, routes.c.space_guid).where(same))).first()
    if found is None:
        found = await make_route(db, config, who, app.space_guid, wanted)
    elif found.space_guid != app.space_guid:
        raise unprocessable(
            "Routes cannot be mapped to destinations in different spaces: "
            f"the route '{wanted.url}' belongs to another space"
        )
    kind = cast("Literal['http1', 'http2']", protocol)
    await map_route(db, who, found.guid, [Goal(app.guid, protocol=kind)])
