"""One round of cleaning: each part is a statement or two, and may run at any time."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from paas.cloud_controller.cleanup.blobs import remove_blobs
from paas.cloud_controller.cleanup.lease import take_lease
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import (
    apps,
    audit_events,
    builds,
    deployments,
    droplets,
    jobs,
    outbox,
    packages,
    processes,
    resources,
)
from paas.database.transaction import Transaction

log = structlog.get_logger("cleanup")

KEPT = 5
"""Droplets and packages of an app beside the one in use."""
FRESH_HOURS = 1
STUCK_MINUTES = 30
UNSENT_HOURS = 6
UNUSED_DAYS = 90
MOST_ROWS = 5000


class Cleaner:
    """One per process with role ``clock``."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        seconds = self._platform.config.intervals.cleanup
        while not stop.is_set():
            try:
                async with self._platform.database.begin() as db:
                    mine = await take_lease(db, "cleanup", self._platform.id, seconds * 0.9)
                if mine:
                    await clean(self._platform)
            except SQLAlchemyError as error:
                log.warning("cleanup_interrupted", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await stop.wait()


async def clean(platform: Platform) -> None:
    """All parts, each in a transaction of its own."""
    intervals = platform.config.intervals
    parts = (
        _older(jobs, jobs.c.updated_at, intervals.keep_jobs_days, jobs.c.state.in_(["COMPLETE", "FAILED"])),
        _older(audit_events, audit_events.c.created_at, intervals.keep_events_days),
        _older(outbox, outbox.c.created_at, UNSENT_HOURS / 24),
        _stuck_uploads(),
        _stuck_builds(),
    )
    for part in parts:
        async with platform.database.begin() as db:
            await db.execute(part)
    async with platform.database.begin() as db:
        await _droplets(db)
    async with platform.database.begin() as db:
        await _packages(db)
    async with platform.database.begin() as db:
        await _resources(db)


def _ago(days: float) -> sa.ColumnElement[Any]:
    return sa.func.now() - sa.func.make_interval(0, 0, 0, 0, 0, 0, days * 86400)


def _older(table: sa.Table, column: sa.Column[Any], days: float, *more: sa.ColumnElement[bool]) -> sa.Delete:
    (key,) = table.primary_key.columns
    old = sa.select(key).where(column < _ago(days), *more).limit(MOST_ROWS)
    return sa.delete(table).where(key.in_(old))


def _stuck_uploads() -> sa.Update:
    """Their process died while it put them into the blobstore."""
    stuck = sa.and_(packages.c.state == "PROCESSING_UPLOAD", packages.c.updated_at < _ago(STUCK_MINUTES / 1440))
    return sa.update(packages).where(stuck).values(state="FAILED", error="The upload was interrupted: upload it again")


def _stuck_builds() -> sa.Update:
    """Their job ended without a word."""
    stuck = sa.and_(builds.c.state == "STAGING", builds.c.deadline < _ago(STUCK_MINUTES / 1440))
    error = "StagingTimeExpired - Staging was not ended in time: stage again"
    return sa.update(builds).where(stuck).values(state="FAILED", error=error)


def _surplus(table: sa.Table) -> sa.Select[str]:
    """Guids of what an app has more of than it keeps, the oldest ones."""
    number = sa.func.row_number().over(partition_by=table.c.app_guid, order_by=table.c.created_at.desc())
    ranked = sa.select(table.c.guid, number.label("number"), table.c.created_at).subquery()
    return sa.select(ranked.c.guid).where(ranked.c.number > KEPT, ranked.c.created_at < _ago(FRESH_HOURS / 24))


async def _droplets(db: Transaction) -> None:
    used = sa.union(
        sa.select(apps.c.droplet_guid).where(apps.c.droplet_guid.is_not(None)),
        sa.select(processes.c.droplet_guid).where(processes.c.droplet_guid.is_not(None)),
        sa.select(deployments.c.previous_droplet_guid).where(
            deployments.c.status == "ACTIVE", deployments.c.previous_droplet_guid.is_not(None)
        ),
    )
    surplus = sa.and_(droplets.c.guid.in_(_surplus(droplets)), droplets.c.guid.not_in(used))
    gone = await db.execute(sa.delete(droplets).where(surplus).returning(droplets.c.blob))
    await remove_blobs(db, [blob for blob in gone.scalars() if blob])


async def _packages(db: Transaction) -> None:
    staging = sa.select(builds.c.package_guid).where(builds.c.state == "STAGING")
    surplus = sa.and_(packages.c.guid.in_(_surplus(packages)), packages.c.guid.not_in(staging))
    gone = await db.execute(sa.delete(packages).where(surplus).returning(packages.c.guid))
    await remove_blobs(db, [f"packages/{guid}" for guid in gone.scalars()])


async def _resources(db: Transaction) -> None:
    old = sa.select(resources.c.sha1).where(resources.c.used_at < _ago(UNUSED_DAYS)).limit(MOST_ROWS)
    gone = await db.execute(sa.delete(resources).where(resources.c.sha1.in_(old)).returning(resources.c.sha1))
    await remove_blobs(db, [f"resources/{sha1}" for sha1 in gone.scalars()])
