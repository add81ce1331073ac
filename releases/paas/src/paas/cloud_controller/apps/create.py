"""Makes apps, and their web process with them: for the API and for manifests."""

from __future__ import annotations

import uuid
from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.errors import uniqueness, unprocessable
from paas.cloud_controller.api.identity import Identity
from paas.cloud_controller.config import Config
from paas.cloud_controller.events.record import Target, record
from paas.cloud_controller.schema import apps, processes
from paas.database.transaction import Transaction

LONGEST_NAME = 255


def check_name(name: str) -> None:
    """422 for a name that an app cannot have."""
    if not name.strip():
        raise unprocessable("Name can't be blank")
    if len(name) > LONGEST_NAME:
        raise unprocessable(f"Name is too long (maximum is {LONGEST_NAME} characters)")


async def check_free(db: Transaction, space: str, name: str, but: str = "") -> None:
    """422 where another app of the space has the name."""
    taken = sa.select(apps.c.guid).where(apps.c.space_guid == space, apps.c.name == name, apps.c.guid != but)
    if await db.scalar(taken) is not None:
        raise uniqueness(f"App with the name '{name}' already exists.")


async def create_app(
    config: Config, db: Transaction, who: Identity | None, space: str, name: str, values: dict[str, Any]
) -> sa.Row[Any]:
    """A stopped app with one web process, which has the app's guid; `values` are other columns of the app."""
    check_name(name)
    await check_free(db, space, name)
    row = (
        await db.execute(
            sa.insert(apps).values({"name": name, "space_guid": space, "stack": None, **values}).returning(apps)
        )
    ).one()
    await create_process(config, db, row.guid, "web", guid=row.guid)
    await record(
        db, who, "audit.app.create", Target("app", row.guid, name), space=space, data={"request": {"name": name}}
    )
    return row


async def create_process(
    config: Config, db: Transaction, app: str, type: str, *, guid: str = "", instances: int | None = None
) -> str:
    """A process of defaults; its guid. Only a web process has an instance at first."""
    guid = guid or str(uuid.uuid4())
    values = {
        "guid": guid,
        "app_guid": app,
        "type": type,
        "version": str(uuid.uuid4()),
        "instances": instances if instances is not None else (1 if type == "web" else 0),
        "memory_in_mb": config.defaults.memory_in_mb,
        "disk_in_mb": config.defaults.disk_in_mb,
        "health_check": {"type": "port" if type == "web" else "process", "data": {}},
        "readiness_health_check": {"type": "process", "data": {}},
    }
    await db.execute(sa.insert(processes).values(values))
    return guid
