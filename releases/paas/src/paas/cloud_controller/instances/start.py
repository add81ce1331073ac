"""What a DEA is told to start an instance: everything it needs, from the database as it is now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec
import sqlalchemy as sa

from paas.cloud_controller.instances.environment import services_of, vcap_application
from paas.cloud_controller.instances.uris import uris_of
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, droplets, organizations, processes, spaces
from paas.cloud_controller.security_groups.rules import egress_rules
from paas.cloud_controller.variable_groups.groups import full_environment
from paas.database.transaction import Transaction
from paas.messages.dea import HealthCheck, Limits, Start

DROPLET_URL_SECONDS = 1800


class NotWantedError(Exception):
    """The process is gone, stopped, of another version by now, or has nothing to run."""


@dataclass(frozen=True)
class StartMessage:
    """For all instances of one process; `of` makes that of one index."""

    process: str
    stack: str
    memory: int
    disk: int
    wanted: int
    start: Start
    application: dict[str, Any]

    def of(self, index: int) -> Start:
        """For one instance."""
        return msgspec.structs.replace(self.start, index=index)


async def start_message(platform: Platform, db: Transaction, process: str, version: str) -> StartMessage:
    """NotWantedError where `version` of `process` is not to run now."""
    row = (
        await db.execute(
            sa.select(
                processes,
                apps.c.name.label("app_name"),
                apps.c.state.label("app_state"),
                apps.c.environment,
                apps.c.stack.label("app_stack"),
                apps.c.space_guid,
                spaces.c.name.label("space_name"),
                spaces.c.organization_guid,
                organizations.c.name.label("organization_name"),
                droplets.c.sha256,
                droplets.c.blob,
                droplets.c.process_types,
                droplets.c.stack.label("droplet_stack"),
            )
            .select_from(
                processes.join(apps, apps.c.guid == processes.c.app_guid)
                .join(spaces, spaces.c.guid == apps.c.space_guid)
                .join(organizations, organizations.c.guid == spaces.c.organization_guid)
                .join(droplets, droplets.c.guid == sa.func.coalesce(processes.c.droplet_guid, apps.c.droplet_guid))
            )
            .where(processes.c.guid == process, processes.c.version == version, apps.c.state == "STARTED")
        )
    ).first()
    if row is None:
        raise NotWantedError(process)
    uris = await uris_of(db, process)
    environment = await full_environment(db, platform.sealer, "running", row.environment)
    application = vcap_application(platform.config, row, uris)
    start = Start(
        droplet=process,
        app=row.app_guid,
        version=version,
        index=0,
        name=row.app_name,
        uris=uris,
        sha1=row.sha256,
        executable_uri=platform.blobs.signed_get(row.blob, DROPLET_URL_SECONDS),
        limits=Limits(mem=row.memory_in_mb, disk=row.disk_in_mb),
        services=await services_of(platform, db, row.app_guid),
        env=[f"{name}={value}" for name, value in environment.items()],
        start_command=row.command or row.process_types.get(row.type, ""),
        cc_partition=platform.config.cc_partition,
        stack=row.droplet_stack or row.app_stack or platform.config.defaults.stack,
        vcap_application=application,
        egress_network_rules=await egress_rules(db, row.space_guid),
        health_check=health_check(row.health_check, row.type),
        process_type=row.type,
    )
    return StartMessage(process, start.stack, row.memory_in_mb, row.disk_in_mb, row.instances, start, application)


def health_check(kept: dict[str, Any], process_type: str) -> HealthCheck:
    """The check as kept in the database (as in the API), with defaults."""
    data = kept.get("data") or {}
    default = HealthCheck()
    return HealthCheck(
        type=kept.get("type") or ("port" if process_type == "web" else "process"),
        timeout=data.get("timeout") or default.timeout,
        invocation_timeout=data.get("invocation_timeout") or default.invocation_timeout,
        endpoint=data.get("endpoint") or default.endpoint,
    )
