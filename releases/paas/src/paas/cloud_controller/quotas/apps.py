"""Whether an app may be as big as it is to be."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.api.errors import unprocessable
from paas.cloud_controller.quotas.enforce import Place, place_of
from paas.cloud_controller.schema import apps, processes, spaces
from paas.database.transaction import Transaction

LIMITS = ("per_process_memory_in_mb", "total_memory_in_mb", "total_instances")


async def check_app_quota(db: Transaction, space: str, process: str, *, instances: int, memory: int) -> None:
    """422 where `instances` of `memory` MB of this process (empty: of a new one) are more than the quotas allow.

    A stopped app uses nothing: it is checked when it starts. What does not grow is let be, however low a quota is by now.
    """
    if process:
        select = (
            sa.select(apps.c.state, processes.c.instances, processes.c.memory_in_mb)
            .join(processes, processes.c.app_guid == apps.c.guid)
            .where(processes.c.guid == process)
        )
        row = (await db.execute(select)).first()
        if row is None or row.state != "STARTED" or (instances <= row.instances and memory <= row.memory_in_mb):
            return
    place = await place_of(db, space)
    await _check(db, place, processes.c.guid != process, memory if instances else 0, memory * instances, instances)


async def check_started(db: Transaction, space: str, app: str) -> None:
    """422 where an app that was just marked as started has no room beside the others."""
    place = await place_of(db, space)
    largest = sa.select(sa.func.max(processes.c.memory_in_mb)).where(
        processes.c.app_guid == app, processes.c.instances > 0
    )
    await _check(db, place, sa.true(), await db.scalar(largest) or 0, 0, 0)


async def _check(
    db: Transaction, place: Place, which: sa.ColumnElement[bool], each: int, memory: int, instances: int
) -> None:
    """`each` MB for one instance; `memory` and `instances` on top of what the processes of `which` use."""
    for scope, prefix in (("space", "space_"), ("organization", "")):
        limits = {name: place.limit(scope, "apps", name) for name in LIMITS}
        if all(limit is None for limit in limits.values()):
            continue
        row = await _used(db, place.within(scope), which)
        _exceeds(limits["per_process_memory_in_mb"], each, f"memory {prefix}instance_memory_limit_exceeded")
        _exceeds(limits["total_memory_in_mb"], row.memory + memory, f"memory {prefix}quota_exceeded")
        _exceeds(
            limits["total_instances"],
            row.instances + instances,
            f"app_instance_limit {prefix}app_instance_limit_exceeded",
        )


def _exceeds(limit: int | None, used: int, words: str) -> None:
    if limit is not None and used > limit:
        raise unprocessable(words)


async def _used(db: Transaction, within: sa.ColumnElement[bool], which: sa.ColumnElement[bool]) -> sa.Row[Any]:
    select = (
        sa.select(
            sa.func.coalesce(sa.func.sum(processes.c.memory_in_mb * processes.c.instances), 0).label("memory"),
            sa.func.coalesce(sa.func.sum(processes.c.instances), 0).label("instances"),
        )
        .select_from(
            processes.join(apps, apps.c.guid == processes.c.app_guid).join(spaces, spaces.c.guid == apps.c.space_guid)
        )
        .where(within, which, apps.c.state == "STARTED", processes.c.instances > 0)
    )
    return (await db.execute(select)).one()
