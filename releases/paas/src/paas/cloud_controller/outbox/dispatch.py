"""Sends what was put down: each row is taken by one process, sent, and removed; what cannot be sent now is sent later."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy.exc import SQLAlchemyError

from paas.bus.client import Bus
from paas.cloud_controller.api.errors import ApiError
from paas.cloud_controller.instances.start import NotWantedError, StartMessage, start_message
from paas.cloud_controller.instances.uris import uris_of
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import outbox, processes, tasks
from paas.cloud_controller.tasks.end import fail_task
from paas.cloud_controller.tasks.start import task_message
from paas.messages.dea import Stop, Update, Updated
from paas.messages.staging import StagingStop

log = structlog.get_logger("outbox")

BATCH = 50
LEASE_SECONDS = 20
MOST_ATTEMPTS = 8
"""For a start that fits nowhere; the health manager asks for it again later."""


class NoPlaceError(Exception):
    """No DEA that is known has what the instance needs; says what it needs."""


class Dispatcher:
    """One per process with role ``worker``."""

    def __init__(self, platform: Platform, wake: asyncio.Event) -> None:
        self._platform = platform
        self._pool = platform.deas
        self._wake = wake

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop`."""
        while not stop.is_set():
            self._wake.clear()
            try:
                while await self._batch():
                    pass
            except ApiError:
                log.warning("bus_away")
            except SQLAlchemyError as error:
                log.warning("database", error=type(error).__name__)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._platform.config.intervals.poll):
                    await self._wake.wait()

    async def _batch(self) -> bool:
        bus = self._platform.bus
        ready = (
            sa.select(outbox.c.id)
            .where(outbox.c.due_at <= sa.func.now())
            .order_by(outbox.c.id)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        take = (
            sa.update(outbox)
            .where(outbox.c.id.in_(ready))
            .values(due_at=_after(LEASE_SECONDS), attempts=outbox.c.attempts + 1)
            .returning(outbox)
        )
        async with self._platform.database.begin() as db:
            rows = sorted((await db.execute(take)).all(), key=lambda row: row.id)
        sent = [row.id for row in rows if await self._one(bus, row)]
        await bus.flush()
        if sent:
            async with self._platform.database.begin() as db:
                await db.execute(sa.delete(outbox).where(outbox.c.id.in_(sent)))
        return len(rows) == BATCH

    async def _one(self, bus: Bus, row: sa.Row[Any]) -> bool:
        """Whether the row is done with."""
        payload: dict[str, Any] = row.payload
        match row.kind:
            case "start":
                return await self._start(bus, row)
            case "task":
                return await self._task(bus, row)
            case "stop":
                await bus.publish("dea.stop", Stop(droplet=row.process_guid, **payload))
            case "routes":
                async with self._platform.database.begin() as db:
                    uris = await uris_of(db, row.process_guid)
                await bus.publish("dea.update", Update(droplet=row.process_guid, uris=uris))
            case "updated":
                partition = self._platform.config.cc_partition
                await bus.publish("droplet.updated", Updated(droplet=row.process_guid, cc_partition=partition))
            case "stop_staging":
                await bus.publish("staging.stop", StagingStop(app_id=row.process_guid))
            case _:
                log.warning("outbox_kind", kind=row.kind)
        return True

    async def _start(self, bus: Bus, row: sa.Row[Any]) -> bool:
        left = list[int](row.payload["indices"])
        error = ""
        try:
            async with self._platform.database.begin() as db:
                message = await start_message(self._platform, db, row.process_guid, row.payload["version"])
            for index in list(left):
                if index < message.wanted:
                    dea = self._place(message)
                    await bus.publish(f"dea.{dea}.start", message.of(index))
                left.remove(index)
        except NotWantedError:
            return True
        except NoPlaceError as fault:
            error = str(fault)
            log.warning("no_place", process=row.process_guid, indices=left, need=error)
        async with self._platform.database.begin() as db:
            await db.execute(
                sa.update(processes)
                .where(processes.c.guid == row.process_guid, processes.c.placement_error != error)
                .values(placement_error=error)
            )
        if not left or row.attempts >= MOST_ATTEMPTS:
            return True
        await self._later(row, {**row.payload, "indices": left})
        return False

    async def _task(self, bus: Bus, row: sa.Row[Any]) -> bool:
        task = row.process_guid
        try:
            async with self._platform.database.begin() as db:
                message = await task_message(self._platform, db, task)
                dea = self._place(message)
                values = {"state": "RUNNING", "dea": dea}
                await db.execute(sa.update(tasks).where(tasks.c.guid == task).values(values))
        except NotWantedError:
            return True
        except NoPlaceError as fault:
            log.warning("no_place", task=task, need=str(fault))
            if row.attempts < MOST_ATTEMPTS:
                await self._later(row, row.payload)
                return False
            async with self._platform.database.begin() as db:
                await fail_task(db, task, str(fault))
            return True
        await bus.publish(f"dea.{dea}.start", message.start)
        return True

    async def _later(self, row: sa.Row[Any], payload: dict[str, Any]) -> None:
        seconds = min(10.0, 0.5 * 2**row.attempts)
        async with self._platform.database.begin() as db:
            values = {"due_at": _after(seconds), "payload": payload}
            await db.execute(sa.update(outbox).where(outbox.c.id == row.id).values(values))
        asyncio.get_running_loop().call_later(seconds + 0.05, self._wake.set)

    def _place(self, message: StartMessage) -> str:
        dea = self._pool.choose(message.process, message.stack, message.memory, message.disk)
        if dea is None:
            raise NoPlaceError(self._pool.lacks(message.stack, message.memory, message.disk))
        return dea


def _after(seconds: float) -> sa.ColumnElement[Any]:
    return sa.func.now() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)
