"""The job ``build.stage``: a stager is chosen and asked; where it dies, another one is."""

from __future__ import annotations

import asyncio
import time
import uuid
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
import structlog

from paas.bus.client import Bus, NoAnswerError
from paas.cloud_controller.api.errors import ApiError, unavailable
from paas.cloud_controller.jobs.job import Done, Job, Outcome
from paas.cloud_controller.platform import Platform
from paas.cloud_controller.schema import builds
from paas.cloud_controller.staging.finish import fail_build, finish_build
from paas.cloud_controller.staging.request import stage_request
from paas.messages.log import LogLine, LogLines
from paas.messages.staging import StageReply, StageRequest, StagingStop

log = structlog.get_logger("staging")

BEGIN_SECONDS = 20
"""A stager says that it has begun within so long."""
NO_STAGER_SECONDS = 30
"""So long a stager is waited for where none is fit."""
LOOK_SECONDS = 1


class _StagerGoneError(Exception):
    """The stager died, or never began: another one may."""


class _NobodyError(Exception):
    """There is no such stager any more: nothing was begun."""


async def stage(platform: Platform, job: Job) -> Outcome:
    """Until the build is STAGED or FAILED."""
    build = await _build(platform, job.resource_guid)
    if build is None or build.state != "STAGING":
        return Done()
    gone: set[str] = set()
    last = ""
    try:
        attempts = 0
        while attempts < platform.config.staging.attempts:
            task = str(uuid.uuid4())
            async with platform.database.begin() as db:
                request = await stage_request(platform, db, build, task)
            stager = await _stager(platform, build, gone)
            try:
                reply = await _ask(platform, build, stager, request)
            except _NobodyError:
                platform.stagers.forget(stager)
                continue
            except _StagerGoneError as error:
                attempts += 1
                last = str(error)
                log.warning("stager_gone", build=build.guid, stager=stager, reason=last)
                await _say(platform.bus, build.app_guid, f"The stager is gone ({last}): staging begins again elsewhere")
                gone.add(stager)
                continue
            if reply is not None:
                await finish_build(platform, build, reply)
            return Done()
        raise ApiError(422, 170001, "CF-StagingError", f"Staging was begun {attempts} times; {last}")
    except ApiError as error:
        if error.status == 503:
            raise
        await fail_build(platform, build, error.title.removeprefix("CF-"), error.detail)
    return Done()


async def _build(platform: Platform, guid: str) -> sa.Row[Any] | None:
    async with platform.database.begin() as db:
        return (await db.execute(sa.select(builds).where(builds.c.guid == guid))).first()


async def _stager(platform: Platform, build: sa.Row[Any], gone: set[str]) -> str:
    """A stager that is fit; where all that are fit are in `gone`, one of these."""
    stack, memory = build.stack, build.memory_in_mb
    deadline = time.monotonic() + NO_STAGER_SECONDS
    await platform.bus.publish("staging.locate", {})
    while True:
        chosen = platform.stagers.choose(stack, memory, gone) or platform.stagers.choose(stack, memory)
        if chosen is not None:
            return chosen
        if time.monotonic() >= deadline:
            lack = platform.stagers.lacks(stack, memory)
            raise ApiError(
                422, 170007, "CF-StagerError", f"No stager can take this app: {lack}. Try again, or tell the operator."
            )
        await platform.stagers.heard(LOOK_SECONDS)


async def _ask(platform: Platform, build: sa.Row[Any], stager: str, request: StageRequest) -> StageReply | None:
    """The stager's last reply; None where the build was given up meanwhile."""
    bus = platform.bus
    async with platform.database.begin() as db:
        mine = sa.and_(builds.c.guid == build.guid, builds.c.state == "STAGING")
        values = {"stager": stager, "attempts": builds.c.attempts + 1}
        if not (await db.execute(sa.update(builds).where(mine).values(values))).rowcount:
            return None
    await bus.publish("staging.stop", StagingStop(app_id=build.app_guid, keep=request.task_id))
    try:
        replies, subscription = await bus.ask(f"staging.{stager}.start", request, StageReply)
    except NoAnswerError:
        raise unavailable("The message bus is away") from None
    try:
        return await _replies(platform, bus, build, stager, replies)
    finally:
        await subscription.end()


async def _replies(
    platform: Platform, bus: Bus, build: sa.Row[Any], stager: str, replies: asyncio.Queue[StageReply | None]
) -> StageReply | None:
    begun = False
    since = time.monotonic()
    while True:
        try:
            async with asyncio.timeout(LOOK_SECONDS):
                reply = await replies.get()
        except TimeoutError:
            if await _given_up(platform, bus, build):
                return None
            if not begun and time.monotonic() - since > BEGIN_SECONDS:
                raise _StagerGoneError("it did not begin") from None
            # without the bus nobody is heard: that says nothing about the stager
            if not platform.stagers.alive(stager) and bus.connected and _listened(since, platform):
                raise _StagerGoneError("it is not heard of any more") from None
            continue
        if reply is None:
            raise _NobodyError
        if reply.finished or reply.error:
            return reply
        begun = True


def _listened(since: float, platform: Platform) -> bool:
    return time.monotonic() - since > platform.config.intervals.advertisement


async def _given_up(platform: Platform, bus: Bus, build: sa.Row[Any]) -> bool:
    now = await _build(platform, build.guid)
    if now is None or now.state != "STAGING":
        return True
    if now.deadline is not None and now.deadline < datetime.now(UTC):
        await bus.publish("staging.stop", StagingStop(app_id=build.app_guid))
        seconds = platform.config.staging.timeout
        raise ApiError(
            422, 170002, "CF-StagingTimeExpired", f"Staging time expired: it took longer than {seconds:g} seconds"
        )
    return False


async def _say(bus: Bus, app: str, text: str) -> None:
    line = LogLine(at=time.time_ns(), text=text, stream="ERR")
    await bus.publish(f"log.{app}", LogLines(app=app, source="STG", lines=[line]))


WORKS = {"build.stage": stage}
