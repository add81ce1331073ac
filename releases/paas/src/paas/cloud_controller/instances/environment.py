"""What the platform puts into an app's environment: VCAP_APPLICATION, and the entries of VCAP_SERVICES."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from paas.cloud_controller.config import Config
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.services.bound import bound_services
from paas.database.transaction import Transaction


def vcap_application(config: Config, row: Row[Any], uris: list[str]) -> dict[str, Any]:
    """Of a process; `row` has the columns of processes and of its app, space and organization under their names."""
    return {
        "cf_api": config.url,
        "limits": {"fds": 16384, "mem": row.memory_in_mb, "disk": row.disk_in_mb},
        "application_id": row.app_guid,
        "application_name": row.app_name,
        "application_uris": uris,
        "application_version": row.version,
        "name": row.app_name,
        "uris": uris,
        "version": row.version,
        "process_id": row.guid,
        "process_type": row.type,
        "space_id": row.space_guid,
        "space_name": row.space_name,
        "organization_id": row.organization_guid,
        "organization_name": row.organization_name,
        "users": None,
    }


async def services_of(platform: Platform, db: Transaction, app: str) -> list[dict[str, Any]]:
    """Entries of VCAP_SERVICES, each with its label, of the bindings of one app."""
    return [one.entry() for one in await bound_services(platform, db, app)]
