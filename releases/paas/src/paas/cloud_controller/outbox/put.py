"""Messages to be sent, put down in the transaction of the change they belong to."""

from __future__ import annotations

from typing import Any, Literal

import sqlalchemy as sa

from paas.cloud_controller.jobs.queue import OUTBOX_CHANNEL, wake
from paas.cloud_controller.schema import outbox, processes
from paas.database.transaction import Transaction

Kind = Literal["start", "stop", "routes", "updated", "task", "stop_staging"]


async def put(db: Transaction, kind: Kind, process: str, payload: dict[str, Any] | None = None) -> None:
    """`process` is the droplet of the message."""
    await db.execute(sa.insert(outbox).values(kind=kind, process_guid=process, payload=payload or {}))
    await wake(db, OUTBOX_CHANNEL)


async def start_instances(db: Transaction, process: str, version: str, indices: list[int]) -> None:
    """Have these indices started, each on the DEA that fits best."""
    if indices:
        await put(db, "start", process, {"version": version, "indices": indices})


async def stop_instances(
    db: Transaction,
    process: str,
    *,
    version: str = "",
    indices: list[int] | None = None,
    instances: list[str] | None = None,
) -> None:
    """Have those stopped that the filters leave."""
    filters = {"version": version, "indices": indices, "instances": instances}
    await put(db, "stop", process, {name: value for name, value in filters.items() if value})


async def changed(db: Transaction, process: str) -> None:
    """Tell the health manager that something else is wanted now."""
    await put(db, "updated", process)


async def routes_changed(db: Transaction, apps: list[str]) -> None:
    """The addresses of these apps are others now: their DEAs register what is new, and unregister what is gone."""
    found = await db.execute(sa.select(processes.c.guid).where(processes.c.app_guid.in_(apps)))
    for guid in found.scalars():
        await put(db, "routes", guid)
