"""Leads routes to apps, for the API and for manifests; every change is told to the DEAs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.outbox.put import routes_changed
from paas.cloud_controller.schema import apps, destinations, routes
from paas.database.transaction import Transaction

Protocol = Literal["http1", "http2"]


@dataclass(frozen=True)
class Goal:
    """Where a route leads to."""

    app: str
    process_type: str = "web"
    port: int | None = None
    protocol: Protocol = "http1"


async def map_route(db: Transaction, who: Identity | None, route: str, goals: Sequence[Goal]) -> None:
    """Lead the route to these too; what it leads to already stays as it is."""
    if not goals:
        return
    rows = [
        {
            "route_guid": route,
            "app_guid": one.app,
            "process_type": one.process_type,
            "port": one.port,
            "protocol": one.protocol,
        }
        for one in goals
    ]
    put = insert(destinations).values(rows).on_conflict_do_nothing().returning(destinations.c.app_guid)
    new = sorted(set(await db.scalars(put)))
    await routes_changed(db, new)
    await _tell(db, who, "map-route", route, new)


async def replace_goals(db: Transaction, who: Identity, route: str, goals: Sequence[Goal]) -> None:
    """Lead the route to these, and to nothing else."""
    old = (await db.execute(sa.select(destinations).where(destinations.c.route_guid == route))).all()
    wanted = {(one.app, one.process_type, one.port) for one in goals}
    gone = [row.guid for row in old if (row.app_guid, row.process_type, row.port) not in wanted]
    await unmap(db, who, gone)
    await map_route(db, who, route, goals)


async def unmap(db: Transaction, who: Identity | None, guids: Sequence[str]) -> None:
    """Remove these destinations."""
    if not guids:
        return
    gone = sa.delete(destinations).where(destinations.c.guid.in_(guids))
    found = await db.execute(gone.returning(destinations.c.app_guid, destinations.c.route_guid))
    left: dict[str, list[str]] = {}
    for row in found.all():
        left.setdefault(row.route_guid, []).append(row.app_guid)
    await routes_changed(db, sorted({app for led in left.values() for app in led}))
    for route, led in left.items():
        await _tell(db, who, "unmap-route", route, led)


async def delete_routes(db: Transaction, guids: Sequence[str]) -> None:
    """Delete routes with what leads to apps."""
    if not guids:
        return
    led = sa.select(destinations.c.app_guid).where(destinations.c.route_guid.in_(guids)).distinct()
    changed = list(await db.scalars(led))
    await db.execute(sa.delete(routes).where(routes.c.guid.in_(guids)))
    await routes_changed(db, changed)


async def _tell(db: Transaction, who: Identity | None, verb: str, route: str, led: Sequence[str]) -> None:
    if not led:
        return
    select = sa.select(apps.c.guid, apps.c.name, apps.c.space_guid).where(apps.c.guid.in_(led))
    rows: list[Any] = list((await db.execute(select)).all())
    for row in rows:
        target = Target("app", row.guid, row.name)
        await record(db, who, f"audit.app.{verb}", target, space=row.space_guid, data={"route_guid": route})
