"""The manifest that an app would be pushed with."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.instances.uris import url_column
from paas.cloud_controller.manifests.size import written
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import destinations, domains, processes, routes
from paas.cloud_controller.schema import service_bindings as bindings
from paas.cloud_controller.schema import service_instances as instances
from paas.database.transaction import Transaction


async def made_manifest(platform: Platform, db: Transaction, app: sa.Row[Any]) -> dict[str, Any]:
    """An entry of ``applications``; `app` is a row of apps."""
    found: dict[str, Any] = {"name": app.name, "lifecycle": "buildpack"}
    if app.buildpacks:
        found["buildpacks"] = app.buildpacks
    found["stack"] = app.stack or platform.config.defaults.stack
    if env := platform.sealer.open(app.environment):
        found["env"] = env
    if app.labels or app.annotations:
        found["metadata"] = {
            name: value for name, value in (("labels", app.labels), ("annotations", app.annotations)) if value
        }
    if services := await _services(db, app.guid):
        found["services"] = services
    if led := await _routes(db, app.guid):
        found["routes"] = led
    else:
        found["no-route"] = True
    found["processes"] = [_process(row) for row in await _processes(db, app.guid)]
    return found


async def _processes(db: Transaction, app: str) -> list[sa.Row[Any]]:
    mine = sa.and_(processes.c.app_guid == app, processes.c.deployment_guid.is_(None))
    return list(
        (await db.execute(sa.select(processes).where(mine).order_by(processes.c.type != "web", processes.c.type))).all()
    )


def _process(row: sa.Row[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "type": row.type,
        "instances": row.instances,
        "memory": written(row.memory_in_mb),
        "disk_quota": written(row.disk_in_mb),
        "log-rate-limit-per-second": -1 if row.log_rate_limit < 0 else f"{row.log_rate_limit}B",
    }
    if row.command:
        found["command"] = row.command
    for prefix, check in (("", row.health_check), ("readiness-", row.readiness_health_check)):
        data = check.get("data") or {}
        found[f"{prefix}health-check-type"] = check.get("type") or "port"
        for name, key in (
            ("endpoint", "health-check-http-endpoint"),
            ("invocation_timeout", "health-check-invocation-timeout"),
            ("interval", "health-check-interval"),
        ):
            if data.get(name) is not None:
                found[prefix + key] = data[name]
        if not prefix and data.get("timeout") is not None:
            found["timeout"] = data["timeout"]
    return found


async def _routes(db: Transaction, app: str) -> list[dict[str, Any]]:
    select = (
        sa.select(url_column().label("url"), destinations.c.protocol, routes.c.options)
        .select_from(destinations.join(routes).join(domains))
        .where(destinations.c.app_guid == app)
        .order_by("url")
    )
    return [
        {"route": row.url, "protocol": row.protocol, **({"options": row.options} if row.options else {})}
        for row in await db.execute(select)
    ]


async def _services(db: Transaction, app: str) -> list[Any]:
    select = (
        sa.select(instances.c.name, bindings.c.name.label("binding"))
        .select_from(bindings.join(instances))
        .where(bindings.c.app_guid == app, bindings.c.type == "app")
        .order_by(instances.c.name)
    )
    return [
        {"name": row.name, "binding_name": row.binding} if row.binding else row.name for row in await db.execute(select)
    ]
