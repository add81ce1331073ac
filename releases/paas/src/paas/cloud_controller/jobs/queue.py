"""Jobs are put into the database in the transaction of what they belong to, and wake the workers when it is committed."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from paas.cloud_controller.schema import jobs
from paas.database.transaction import Transaction

CHANNEL = "cloud_controller_jobs"
OUTBOX_CHANNEL = "cloud_controller_outbox"


async def enqueue(
    db: Transaction,
    operation: str,
    resource_guid: str = "",
    payload: dict[str, Any] | None = None,
    *,
    sealed: str = "",
    user: str = "",
    seconds: float = 0,
) -> str:
    """The new job's guid. `operation` as the API shows it: ``app.delete``. Secrets only in `sealed`. It waits for `seconds`."""
    values = {
        "operation": operation,
        "resource_guid": resource_guid or None,
        "payload": payload or {},
        "sealed": sealed,
        "user_guid": user,
        "due_at": sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds),
    }
    guid = (await db.execute(sa.insert(jobs).values(values).returning(jobs.c.guid))).scalar_one()
    await wake(db, CHANNEL)
    return guid


async def wake(db: Transaction, channel: str) -> None:
    """Wake who listens, once this transaction is committed."""
    await db.execute(sa.select(sa.func.pg_notify(channel, "")))
