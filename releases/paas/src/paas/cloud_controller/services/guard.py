"""Where a job on an instance or a binding stumbles over a fault of the platform's own, the operation has failed: nothing waits for it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.jobs.job import Job, Outcome, Work
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.services.operation import going_on, moved
from paas.database.outage import passing

WHY = "The platform failed; its log has the cause. The operation may be tried again."


def guarded(table: sa.Table, work: Callable[[Platform, Job], Awaitable[Outcome]]) -> Work:
    """The work, with ``last_operation`` of the job's resource in `table` marked as failed where it raises what nobody foresaw."""

    async def run(platform: Platform, job: Job) -> Outcome:
        try:
            return await work(platform, job)
        except ApiError:
            raise
        except Exception as error:
            # a database that is away comes back, and the job is tried again
            if not (isinstance(error, SQLAlchemyError) and passing(error)):
                await _mark(platform, table, job.resource_guid)
            raise

    return run


async def _mark(platform: Platform, table: sa.Table, guid: str) -> None:
    async with platform.database.begin() as db:
        kept = await db.scalar(sa.select(table.c.last_operation).where(table.c.guid == guid).with_for_update())
        if kept and going_on(kept):
            await db.execute(
                sa.update(table).where(table.c.guid == guid).values(last_operation=moved(kept, "failed", WHY))
            )
