"""What a manifest says of processes, brought to the database."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET

from paas.cloud_controller.api.body import convert
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.apps.create import create_process
from paas.cloud_controller.config import Config
from paas.cloud_controller.manifests.read import ProcessManifest
from paas.cloud_controller.manifests.size import size_in_bytes, size_in_mb
from paas.cloud_controller.processes.check import Check, kept_check
from paas.cloud_controller.processes.scale import Scale, scaled, set_instances
from paas.cloud_controller.quotas.apps import check_app_quota
from paas.cloud_controller.schema import processes
from paas.database.transaction import Transaction

CHECKS = {"port": "port", "http": "http", "process": "process", "none": "process"}


async def apply_process(config: Config, db: Transaction, app: sa.Row[Any], given: ProcessManifest) -> None:
    """One process; made where it is missing."""
    mine = sa.and_(
        processes.c.app_guid == app.guid, processes.c.type == given.type, processes.c.deployment_guid.is_(None)
    )
    row = (await db.execute(sa.select(processes).where(mine).with_for_update())).first()
    if row is None:
        await create_process(config, db, app.guid, given.type)
        row = (await db.execute(sa.select(processes).where(mine))).one()
    values: dict[str, Any] = scaled(
        Scale(
            instances=given.instances,
            memory_in_mb=UNSET if given.memory is UNSET else size_in_mb("Memory", given.memory),
            disk_in_mb=UNSET if given.disk_quota is UNSET else size_in_mb("Disk quota", given.disk_quota),
            log_rate_limit_in_bytes_per_second=_rate(given),
        ),
        config.limits,
    )
    if given.command is not UNSET:
        values["command"] = None if given.command in (None, "default", "null", "") else given.command
    check = _check(given, "")
    if check is not None:
        values["health_check"] = kept_check(row.health_check, check, config.limits)
    check = _check(given, "readiness_")
    if check is not None:
        values["readiness_health_check"] = kept_check(row.readiness_health_check, check, config.limits)
    await check_app_quota(
        db,
        app.space_guid,
        row.guid,
        instances=int(values.get("instances", row.instances)),
        memory=int(values.get("memory_in_mb", row.memory_in_mb)),
    )
    wanted = values.pop("instances", None)
    if values:
        await db.execute(sa.update(processes).where(processes.c.guid == row.guid).values(values))
    if wanted is not None and wanted != row.instances:
        await set_instances(db, row, wanted, started=app.state == "STARTED")


def _rate(given: ProcessManifest) -> Any:
    limit = given.log_rate_limit_per_second
    if limit is UNSET or limit in (-1, 0, "-1", "0"):
        return limit if limit is UNSET else int(limit)
    return size_in_bytes("Log rate limit per second", limit)


def _check(given: ProcessManifest, prefix: str) -> Check | None:
    """The check as the API takes it; None where the manifest says nothing of it."""
    kind = getattr(given, f"{prefix}health_check_type")
    data: dict[str, Any] = {
        "endpoint": getattr(given, f"{prefix}health_check_http_endpoint"),
        "invocation_timeout": getattr(given, f"{prefix}health_check_invocation_timeout"),
        "interval": getattr(given, f"{prefix}health_check_interval"),
    }
    if not prefix:
        data["timeout"] = given.timeout
    data = {name: value for name, value in data.items() if value is not UNSET}
    if kind is UNSET and not data:
        return None
    if kind is not UNSET and kind not in CHECKS:
        raise unprocessable(f"health-check-type must be one of port, http, process, none; it is '{kind}'")
    document: dict[str, Any] = {"data": data}
    if kind is not UNSET:
        document["type"] = CHECKS[kind]
    elif "endpoint" in data:
        document["type"] = "http"
    return convert(document, Check)
