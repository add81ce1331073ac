"""What a DEA is told to run a task."""

from __future__ import annotations

import sqlalchemy as sa

from paas.cloud_controller.instances.environment import services_of, vcap_application
from paas.cloud_controller.instances.start import DROPLET_URL_SECONDS, NotWantedError, StartMessage
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import apps, droplets, organizations, spaces, tasks
from paas.cloud_controller.security_groups.rules import egress_rules
from paas.cloud_controller.variable_groups.groups import full_environment
from paas.database.transaction import Transaction
from paas.messages.dea import HealthCheck, Limits, Start


async def task_message(platform: Platform, db: Transaction, task: str) -> StartMessage:
    """NotWantedError where it is not to run any more."""
    row = (
        await db.execute(
            sa.select(
                tasks,
                sa.literal("task").label("type"),
                apps.c.name.label("app_name"),
                apps.c.environment,
                apps.c.space_guid,
                spaces.c.name.label("space_name"),
                spaces.c.organization_guid,
                organizations.c.name.label("organization_name"),
                droplets.c.sha256,
                droplets.c.blob,
                droplets.c.stack,
            )
            .select_from(
                tasks.join(apps, apps.c.guid == tasks.c.app_guid)
                .join(spaces, spaces.c.guid == apps.c.space_guid)
                .join(organizations, organizations.c.guid == spaces.c.organization_guid)
                .join(droplets, droplets.c.guid == tasks.c.droplet_guid)
            )
            .where(tasks.c.guid == task, tasks.c.state == "PENDING")
        )
    ).first()
    if row is None:
        raise NotWantedError(task)
    environment = await full_environment(db, platform.sealer, "running", row.environment)
    application = vcap_application(platform.config, row, [])
    start = Start(
        droplet=task,
        app=row.app_guid,
        version=row.version,
        index=0,
        name=row.name,
        uris=[],
        sha1=row.sha256,
        executable_uri=platform.blobs.signed_get(row.blob, DROPLET_URL_SECONDS),
        limits=Limits(mem=row.memory_in_mb, disk=row.disk_in_mb),
        services=await services_of(platform, db, row.app_guid),
        env=[f"{name}={value}" for name, value in environment.items()],
        start_command=row.command,
        cc_partition=platform.config.cc_partition,
        stack=row.stack or platform.config.defaults.stack,
        vcap_application=application,
        egress_network_rules=await egress_rules(db, row.space_guid),
        health_check=HealthCheck(type="process"),
        process_type="task",
        task=True,
    )
    return StartMessage(task, start.stack, row.memory_in_mb, row.disk_in_mb, 1, start, application)
