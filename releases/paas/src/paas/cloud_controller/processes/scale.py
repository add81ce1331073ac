"""Scaling: another number of instances at once, another size with the next start."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from msgspec import UNSET, UnsetType

from paas.cloud_controller.api.body import Body
from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.config import Limits
from paas.cloud_controller.outbox.put import changed, start_instances, stop_instances
from paas.cloud_controller.schema import crashes, processes
from paas.database.transaction import Transaction


class Scale(Body, frozen=True, kw_only=True):
    """``actions/scale``."""

    instances: int | UnsetType | None = UNSET
    memory_in_mb: int | UnsetType | None = UNSET
    disk_in_mb: int | UnsetType | None = UNSET
    log_rate_limit_in_bytes_per_second: int | UnsetType | None = UNSET


def scaled(scale: Scale, limits: Limits) -> dict[str, int]:
    """Columns to change; 422 for what cannot be."""
    found: dict[str, int] = {}
    for name, least, most in (
        ("instances", 0, limits.instances),
        ("memory_in_mb", 1, 2**31 - 1),
        ("disk_in_mb", 1, limits.disk_in_mb),
        ("log_rate_limit_in_bytes_per_second", -1, 2**53),
    ):
        value = getattr(scale, name)
        if value is UNSET or value is None:
            continue
        label = name.removesuffix("_in_mb").replace("_", " ").capitalize()
        if value < least:
            raise unprocessable(f"{label} must be greater than or equal to {least}")
        if value > most:
            raise unprocessable(f"{label} must be less than or equal to {most}")
        found["log_rate_limit" if name.startswith("log") else name] = value
    return found


async def set_instances(db: Transaction, row: sa.Row[Any], wanted: int, *, started: bool) -> None:
    """`row` has ``guid``, ``version`` and ``instances``: those that are missing are started, the highest that are too many stopped."""
    await db.execute(sa.update(processes).where(processes.c.guid == row.guid).values(instances=wanted))
    if not started:
        return
    if wanted > row.instances:
        await start_instances(db, row.guid, row.version, list(range(row.instances, wanted)))
    elif wanted < row.instances:
        gone = list(range(wanted, row.instances))
        await stop_instances(db, row.guid, version=row.version, indices=gone)
        await db.execute(sa.delete(crashes).where(crashes.c.process_guid == row.guid, crashes.c.position >= wanted))
    await changed(db, row.guid)
