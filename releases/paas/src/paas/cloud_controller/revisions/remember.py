"""Writes down what an app is about to run: droplet, environment, commands; only where it is not what ran before."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.schema import apps, processes, revisions
from paas.database.transaction import Transaction

FEATURE = "revisions"
FEATURE_DEFAULT = True
KEPT = 100


async def remember(db: Transaction, app: str, description: str = "") -> str | None:
    """The guid of the revision that the app runs from now on, which its processes are marked with; None where the app has none.

    `description` stands for what is found to be different.
    """
    row = (await db.execute(sa.select(apps).where(apps.c.guid == app))).one()
    if not row.features.get(FEATURE, FEATURE_DEFAULT):
        return None
    mine = sa.and_(processes.c.app_guid == app, processes.c.deployment_guid.is_(None))
    found = await db.execute(sa.select(processes.c.type, processes.c.command).where(mine))
    commands: dict[str, str | None] = {one.type: one.command for one in found.all()}
    last = (
        await db.execute(
            sa.select(revisions).where(revisions.c.app_guid == app).order_by(revisions.c.version.desc()).limit(1)
        )
    ).first()
    changes = _changes(last, row, commands)
    if last is not None and not changes:
        guid = last.guid
    else:
        version = int(last.version) + 1 if last is not None else 1
        values = {
            "app_guid": app,
            "version": version,
            "droplet_guid": row.droplet_guid,
            "environment": row.environment,
            "commands": commands,
            "description": description or " ".join(changes),
        }
        guid = (await db.execute(sa.insert(revisions).values(values).returning(revisions.c.guid))).scalar_one()
        old = sa.and_(revisions.c.app_guid == app, revisions.c.version <= version - KEPT)
        await db.execute(sa.delete(revisions).where(old))
    await db.execute(sa.update(processes).where(mine).values(revision_guid=guid))
    return guid


def _changes(last: sa.Row[Any] | None, row: sa.Row[Any], commands: dict[str, str | None]) -> list[str]:
    if last is None:
        return ["Initial revision."]
    found: list[str] = []
    if last.droplet_guid != row.droplet_guid:
        found.append("New droplet deployed.")
    if last.environment != row.environment:
        found.append("New environment variables deployed.")
    for kind, command in commands.items():
        before = last.commands.get(kind)
        if before != command:
            verb = "removed" if command is None else ("added" if before is None else "updated")
            found.append(f"Custom start command {verb} for '{kind}' process.")
    return found
