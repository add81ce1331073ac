"""Begins a deployment: a second web process, of the new droplet, beside the one that runs."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.apps.wanted import start_app
from paas.cloud_controller.config import Config
from paas.cloud_controller.deployments.end import final, main_process
from paas.cloud_controller.droplets.current import assign_droplet
from paas.cloud_controller.outbox.put import changed, start_instances
from paas.cloud_controller.revisions.remember import remember
from paas.cloud_controller.schema import apps, deployments, processes
from paas.database.transaction import Transaction

COPIED = (
    "command",
    "memory_in_mb",
    "disk_in_mb",
    "log_rate_limit",
    "health_check",
    "readiness_health_check",
    "labels",
    "annotations",
)


async def begin(
    config: Config,
    db: Transaction,
    app: sa.Row[Any],
    droplet: sa.Row[Any],
    values: dict[str, Any],
    back: sa.Row[Any] | None = None,
) -> sa.Row[Any]:
    """The new row. `app` is locked. `values`: strategy, max_in_flight, steps, labels and scale (columns of the web process). `back`: the revision that is to run again.

    A deployment that is under way is superseded: what it brought up serves on until the new one has taken its place.
    """
    overtaken = sa.and_(deployments.c.app_guid == app.guid, deployments.c.status == "ACTIVE")
    superseded = (
        await db.execute(
            sa.update(deployments)
            .where(overtaken)
            .values(final("SUPERSEDED"))
            .returning(deployments.c.previous_instances, deployments.c.previous_droplet_guid)
        )
    ).first()
    scale: dict[str, int] = values["scale"]
    values = {
        **values,
        "app_guid": app.guid,
        "droplet_guid": droplet.guid,
        "previous_droplet_guid": superseded.previous_droplet_guid if superseded else app.droplet_guid,
        "process_type": "web",
        "last_status_change": sa.func.now(),
    }
    if app.state != "STARTED":
        await assign_droplet(config, db, app.guid, droplet)
        await _roll_back(db, app.guid, back)
        if scale:
            await db.execute(sa.update(processes).where(main_process(app.guid, "web")).values(scale))
        started = (await db.execute(sa.select(apps).where(apps.c.guid == app.guid))).one()
        await start_app(db, started)
        revision = await remember(db, app.guid, _described(back))
        return await _insert(db, {**values, **final("DEPLOYED"), "revision_guid": revision})
    # what runs goes on running its own droplet, also after a crash
    running = sa.and_(processes.c.app_guid == app.guid, processes.c.droplet_guid.is_(None))
    await db.execute(sa.update(processes).where(running).values(droplet_guid=app.droplet_guid))
    await assign_droplet(config, db, app.guid, droplet)
    await _roll_back(db, app.guid, back)
    old = (
        await db.execute(
            sa.select(processes).where(
                processes.c.app_guid == app.guid, processes.c.type == "web", processes.c.deployment_guid.is_(None)
            )
        )
    ).one()
    previous = superseded.previous_instances if superseded else old.instances
    wanted = scale.get("instances", previous)
    # what runs is of the revision before, until the deployment has ended
    before = old.revision_guid
    revision = await remember(db, app.guid, _described(back))
    await db.execute(sa.update(processes).where(_mine(app.guid)).values(revision_guid=before))
    new = {
        "wanted": wanted,
        "previous_instances": previous,
        "process_guid": str(uuid.uuid4()),
        "revision_guid": revision,
    }
    row = await _insert(db, {**values, **new})
    await _new_process(db, row, old)
    return row


def _mine(app: str) -> sa.ColumnElement[bool]:
    return sa.and_(processes.c.app_guid == app, processes.c.deployment_guid.is_(None))


def _described(back: sa.Row[Any] | None) -> str:
    return "" if back is None else f"Rolled back to revision {back.version}."


async def _roll_back(db: Transaction, app: str, back: sa.Row[Any] | None) -> None:
    """The environment and the commands of that revision are the app's again."""
    if back is None:
        return
    await db.execute(sa.update(apps).where(apps.c.guid == app).values(environment=back.environment))
    for kind, command in back.commands.items():
        await db.execute(sa.update(processes).where(_mine(app), processes.c.type == kind).values(command=command))


async def _insert(db: Transaction, values: dict[str, Any]) -> sa.Row[Any]:
    return (await db.execute(sa.insert(deployments).values(values).returning(deployments))).one()


async def _new_process(db: Transaction, row: sa.Row[Any], old: sa.Row[Any]) -> None:
    version = str(uuid.uuid4())
    first = min(row.max_in_flight, row.wanted, canaries(row))
    copied = {name: old._mapping[name] for name in COPIED}  # pyright: ignore[reportPrivateUsage]: public by SQLAlchemy's documentation
    values = {
        **copied,
        **row.scale,
        "guid": row.process_guid,
        "app_guid": row.app_guid,
        "type": "web",
        "version": version,
        "instances": first,
        "deployment_guid": row.guid,
        "revision_guid": row.revision_guid,
    }
    await db.execute(sa.insert(processes).values(values))
    await start_instances(db, row.process_guid, version, list(range(first)))
    await changed(db, row.process_guid)


def canaries(row: sa.Row[Any]) -> int:
    """How many new instances there may be before the next pause; all of them where there is none."""
    if row.strategy != "canary" or row.step > max(1, len(row.steps)):
        return row.wanted
    if not row.steps:
        return 1
    weight = row.steps[row.step - 1]["instance_weight"]
    return max(1, min(row.wanted, -(-row.wanted * weight // 100)))
