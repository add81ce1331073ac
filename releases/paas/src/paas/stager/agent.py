"""The stager on the bus: says what room it has, takes stagings, ends those that are not wanted any more."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

import structlog

from paas.blobs.transfer import Transfer
from paas.bus.client import Bus, Message
from paas.containers.client import ContainerError, WardenAwayError, WardenClient
from paas.messages.dea import Nothing
from paas.messages.staging import StagerAdvertisement, StageReply, StageRequest, StagingStop
from paas.stager.config import Config
from paas.stager.driver.failure import ErrorType, StagingError
from paas.stager.shelf import Shelf
from paas.stager.staging import OWNER, Staging, Tools
from paas.stager.told import StagingLog

log = structlog.get_logger("stager")


@dataclass
class Running:
    """A staging under way."""

    app: str
    memory: int
    work: asyncio.Task[StageReply]
    why: str = ""


class Agent:
    """One stager."""

    def __init__(self, config: Config, bus: Bus) -> None:
        self.id = config.id or str(uuid.uuid4())
        self._config = config
        self._bus = bus
        self._transfer = Transfer(config.ca)
        directory = Path(config.directory)
        self._tools = Tools(
            config=config,
            warden=WardenClient(config.warden),
            transfer=self._transfer,
            shelf=Shelf(directory / "buildpacks", self._transfer, config.most_buildpack_mb << 20),
        )
        self._running: dict[str, Running] = {}
        self._draining = False
        self.idle = asyncio.Event()
        """Set while no staging is under way."""
        self.idle.set()

    async def begin(self) -> None:
        """Take away what an earlier stager left, and listen."""
        await asyncio.to_thread(shutil.rmtree, Path(self._config.directory) / "tasks", True)
        await self._clear()
        await self._bus.subscribe(f"staging.{self.id}.start", StageRequest, self._start)
        await self._bus.subscribe("staging", StageRequest, self._start, queue="staging")
        await self._bus.subscribe("staging.locate", Nothing, self._locate)
        await self._bus.subscribe("staging.stop", StagingStop, self._stop)
        await self._bus.flush()
        log.info("stager_listens", id=self.id)

    async def _clear(self) -> None:
        warden = self._tools.warden
        try:
            for handle in await warden.list(OWNER):
                await warden.destroy(handle)
        except (WardenAwayError, ContainerError) as error:
            log.warning("stager_clear", error=str(error))

    async def advertise_until(self, stop: asyncio.Event) -> None:
        """Say what room there is, again and again."""
        while not stop.is_set():
            await self._advertise()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(self._config.advertise_seconds):
                    await stop.wait()

    async def fit(self) -> bool:
        """Whether stagings can be done just now."""
        try:
            await self._tools.warden.ping()
        except (WardenAwayError, ContainerError):
            return False
        return self._bus.connected

    def drain(self) -> None:
        """Take no more; what runs may end."""
        self._draining = True

    async def end(self) -> None:
        """Stop all stagings, and say so to who asked."""
        self._draining = True
        await self._cancel(list(self._running), "the stager is being stopped; stage again")
        await self._transfer.close()

    @property
    def _free_mb(self) -> int:
        return self._config.memory_mb - sum(one.memory for one in self._running.values())

    async def _advertise(self) -> None:
        if not await self.fit():
            return
        # while it drains it is still heard of, so that nobody takes what runs here for lost
        free = 0 if self._draining else self._free_mb
        advert = StagerAdvertisement(id=self.id, stacks=list(self._config.stacks), available_memory=free)
        await self._bus.publish("staging.advertise", advert)

    async def _locate(self, _: Message[Nothing]) -> None:
        await self._advertise()

    async def _stop(self, message: Message[StagingStop]) -> None:
        tasks = [id for id, one in self._running.items() if one.app == message.body.app_id and id != message.body.keep]
        await self._cancel(tasks, "staging was stopped")

    async def _cancel(self, tasks: list[str], why: str) -> None:
        ending = [self._running[id] for id in tasks if id in self._running]
        for one in ending:
            one.why = why
            one.work.cancel()
        if ending:
            await asyncio.wait([one.work for one in ending])

    async def _start(self, message: Message[StageRequest]) -> None:
        request = message.body
        try:
            self._take(request)
        except StagingError as error:
            log.info("staging_refused", app=request.app_id, task=request.task_id, type=error.type, error=str(error))
            await message.respond(_failed(request, error.type, str(error)))
            return
        told = StagingLog(self._bus, request.app_id)
        work = asyncio.create_task(Staging(self._tools, request, told).run())
        running = Running(request.app_id, request.properties.resources.memory, work)
        older = [id for id, one in self._running.items() if one.app == request.app_id]
        self._running[request.task_id] = running
        self.idle.clear()
        await message.respond(StageReply(task_id=request.task_id))
        await self._cancel(older, "another staging of this app has begun")
        log.info("staging_begins", app=request.app_id, task=request.task_id)
        try:
            reply = await self._outcome(request, running, told)
        finally:
            self._running.pop(request.task_id, None)
        await message.respond(reply)
        await self._advertise()
        if not self._running:
            self.idle.set()

    def _take(self, request: StageRequest) -> None:
        if self._draining:
            raise StagingError("StagerError", "this stager takes no more; stage again")
        if request.task_id in self._running:
            raise StagingError("StagerError", f"task {request.task_id} is under way already")
        if not request.task_id or not all(sign.isalnum() or sign in "-_" for sign in request.task_id):
            raise StagingError("StagerError", f"{request.task_id[:80]!r} is no id of a task")
        if request.stack and request.stack not in self._config.stacks:
            known = ", ".join(self._config.stacks)
            raise StagingError("StagerError", f"there is no stack {request.stack!r} here, only {known}")
        wanted = request.properties.resources
        if wanted.memory > self._free_mb:
            raise StagingError(
                "InsufficientResources", f"{wanted.memory} MB are asked for, {self._free_mb} MB are free"
            )

    async def _outcome(self, request: StageRequest, running: Running, told: StagingLog) -> StageReply:
        seconds = self._config.timeout_seconds
        try:
            done, _ = await asyncio.wait([running.work], timeout=seconds)
            if not done:
                running.work.cancel()
                await asyncio.wait([running.work])
                raise StagingError("StagingTimeExpired", f"it did not end within {seconds:g} s")
            if running.work.cancelled():
                raise StagingError("StagerError", running.why or "staging was stopped")
            reply = running.work.result()
            log.info("staging_done", app=request.app_id, task=request.task_id, size=reply.droplet_size)
            return reply
        except StagingError as error:
            log.info("staging_failed", app=request.app_id, task=request.task_id, type=error.type, error=str(error))
            await told.say(str(error), "ERR")
            return _failed(request, error.type, str(error))
        except Exception:  # whoever asked is waiting for an answer
            log.exception("staging_fault", app=request.app_id, task=request.task_id)
            sentence = "Stager error: a fault of the stager's own, told in its log"
            await told.say(sentence, "ERR")
            return _failed(request, "StagerError", sentence)


def _failed(request: StageRequest, type: ErrorType, error: str) -> StageReply:
    return StageReply(task_id=request.task_id, finished=True, error_type=type, error=error)
