"""The life of an instance: started, watched, stopped, crashed; found again by a new agent."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

import httpx2
import structlog

from paas.containers.client import ContainerError, WardenAwayError, WardenClient
from paas.dea.config import DeaConfig
from paas.dea.droplets import Droplets
from paas.dea.environment import PORT
from paas.dea.health import come_up, failure, silence, until_dead
from paas.dea.instances import Instance, Instances
from paas.dea.launch import CrashError, launch, owner
from paas.dea.record import Record, born
from paas.dea.routes import Routes
from paas.dea.shipping import Shipping
from paas.messages.dea import Exited, Reason, Start

log = structlog.get_logger("dea")

SHIP_SECONDS = 10
AGAIN_SECONDS = 0.5
STOPPED_STATUS = 143

Tell = Callable[[Exited], Awaitable[None]]


class Life:
    """Starts and ends instances; `tell` says to the others that one has ended."""

    def __init__(
        self,
        config: DeaConfig,
        warden: WardenClient,
        instances: Instances,
        droplets: Droplets,
        routes: Routes,
        shipping: Shipping,
        tell: Tell,
    ) -> None:
        self._config = config
        self._warden = warden
        self._instances = instances
        self._droplets = droplets
        self._routes = routes
        self._shipping = shipping
        self._tell = tell
        self._slots = asyncio.Semaphore(config.max_starting)
        self._tasks: set[asyncio.Task[None]] = set()
        self._http = httpx2.AsyncClient(trust_env=False)

    def start(self, start: Start) -> Instance:
        """Begin one; what comes of it is told."""
        instance = Instance(born(start))
        self._instances.add(instance)
        instance.task = asyncio.create_task(self._live(instance, start))
        return instance

    async def adopt(self, records: list[Record]) -> None:
        """Find again what an earlier agent started; what it did not finish is ended, what nobody knows is removed."""
        there = set(await self._warden.list(owner(self._config)))
        for record in records:
            instance = Instance(record)
            if record.state == "CRASHED":
                self._instances.add(instance)
                self._forget_later(instance)
            elif record.instance not in there:
                log.info("lost", instance=record.instance)
                reason: Reason = "STOPPED" if record.state == "STOPPING" else "DEA_SHUTDOWN"
                await self._tell(record.exited(reason, description="its container has gone"))
            else:
                await self._adopt(instance)
        known = {record.instance for record in self._instances.records()}
        for handle in there - known:
            self._spawn(self._destroy(handle))

    async def _adopt(self, instance: Instance) -> None:
        record = instance.record
        instance.container = container = await self._warden.adopt(record.instance)
        if record.process:
            instance.process = container.process(record.process)
        self._instances.add(instance)
        if record.state == "STOPPING" or not record.process:
            reason: Reason = "STOPPED" if record.state == "STOPPING" else "DEA_SHUTDOWN"
            self._instances.turn(instance, "STOPPING")
            self._spawn(self._end(instance, reason, serving=False))
            return
        if record.state == "EVACUATING":
            record.told = False
            self._instances.turn(instance, "RUNNING")
        log.info("adopted", instance=record.instance, state=record.state)
        instance.task = asyncio.create_task(self._live(instance, None))

    async def stop(self, instance: Instance, reason: Reason) -> None:
        """End one: no new requests, time for those under way, time for the app to end; returns when it has."""
        record = instance.record
        if record.state in ("CRASHED", "STOPPED"):
            self._instances.forget(instance)
            return
        if record.state == "STOPPING":
            await instance.ended.wait()
            return
        serving = record.state in ("RUNNING", "EVACUATING")
        self._instances.turn(instance, "STOPPING")
        if instance.task is not None:
            instance.task.cancel()
            await asyncio.gather(instance.task, return_exceptions=True)
        self._spawn(self._end(instance, reason, serving=serving))
        await instance.ended.wait()

    async def _live(self, instance: Instance, start: Start | None) -> None:
        try:
            if start is not None:
                await self._begin(instance, start)
            await self._stay(instance)
            await self._finished(instance)
        except CrashError as crash:
            await self._crashed(instance, crash)
        except Exception:  # one instance's fault must not end the agent
            log.exception("instance", instance=instance.record.instance)
            await self._crashed(instance, CrashError("a fault of the DEA, which its log tells"))

    async def _begin(self, instance: Instance, start: Start) -> None:
        record = instance.record
        self._instances.turn(instance, "STARTING")
        await self._shipping.say(record, f"Starting instance {record.instance} of {record.process_type}")
        async with self._slots:
            _, instance.process = await launch(self._config, self._warden, self._droplets, instance, start)
        record.begun_at = time.time()
        self._instances.save()
        log.info("started", instance=record.instance, droplet=record.droplet, index=record.index, port=record.host_port)

    async def _stay(self, instance: Instance) -> None:
        """Until it has ended, which is a crash unless it is a task that has done its work."""
        record, process = instance.record, instance.process
        assert process is not None
        check, place = record.health_check, (record.container_ip, PORT)
        instance.shipping = asyncio.create_task(self._shipping.ship(record, process))
        ending = asyncio.create_task(process.wait())
        watching: asyncio.Task[bool] | asyncio.Task[None] | None = None
        try:
            if record.state == "STARTING":
                watching = asyncio.create_task(come_up(check, *place, self._http, self._config.health_interval))
                await asyncio.wait((ending, watching), return_when=asyncio.FIRST_COMPLETED)
                if not ending.done():
                    if not await watching:
                        raise CrashError(failure(check))
                    await self._routes.register(record, record.uris)
                    self._instances.turn(instance, "RUNNING")
                    await self._shipping.say(record, f"Instance {record.instance} is healthy")
                watching.cancel()
            watching = asyncio.create_task(until_dead(check, *place, self._http, self._config.liveness_seconds))
            await asyncio.wait((ending, watching), return_when=asyncio.FIRST_COMPLETED)
            if not ending.done():
                raise CrashError(silence(check))
            exit_ = await ending
            if not record.task or exit_.status:
                raise CrashError(exit_.description, exit_.status)
        except ContainerError as error:
            raise CrashError(f"its container is gone: {error}") from None
        finally:
            ending.cancel()
            if watching is not None:
                watching.cancel()

    async def _crashed(self, instance: Instance, crash: CrashError) -> None:
        record = instance.record
        self._instances.turn(instance, "CRASHED")
        log.info(
            "crashed", instance=record.instance, droplet=record.droplet, index=record.index, reason=crash.description
        )
        await self._routes.unregister(record, record.uris)
        if not record.told:
            await self._tell(record.exited("CRASHED", crash.status, crash.description))
        await self._stop_container(instance, 0)
        await self._shipping.say(record, f"Instance {record.instance} has ended: {crash.description}")
        if record.task:
            self._instances.forget(instance)
        else:
            self._forget_later(instance)
        await self._destroy(record.instance)

    async def _finished(self, instance: Instance) -> None:
        """A task has ended well."""
        record = instance.record
        self._instances.turn(instance, "STOPPED")
        await self._stop_container(instance, 0)
        await self._tell(record.exited("STOPPED"))
        self._instances.forget(instance)
        await self._destroy(record.instance)

    async def _end(self, instance: Instance, reason: Reason, *, serving: bool) -> None:
        record = instance.record
        if serving and record.uris:
            await self._routes.unregister(record, record.uris)
            await asyncio.sleep(self._config.unroute_seconds)
        await self._stop_container(instance, self._config.stop_grace)
        await self._destroy(record.instance)
        if not record.told:
            status, words = (STOPPED_STATUS, "stopped before its end") if record.task else (0, "")
            await self._tell(record.exited(reason, status, words))
        log.info("stopped", instance=record.instance, droplet=record.droplet, index=record.index, reason=reason)
        self._instances.forget(instance)

    async def _stop_container(self, instance: Instance, grace: float) -> None:
        """End what runs, and send the last of its output."""
        if instance.container is None:
            return
        with contextlib.suppress(ContainerError, WardenAwayError):
            await instance.container.stop(grace)
        if instance.shipping is not None:
            _, late = await asyncio.wait({instance.shipping}, timeout=SHIP_SECONDS)
            for task in late:
                task.cancel()

    async def _destroy(self, handle: str) -> None:
        while True:
            try:
                return await self._warden.destroy(handle)
            except WardenAwayError:
                await asyncio.sleep(AGAIN_SECONDS)
            except ContainerError as error:
                log.warning("not_destroyed", instance=handle, reason=str(error))
                return None

    def _forget_later(self, instance: Instance) -> None:
        left = instance.record.state_timestamp + self._config.crash_seconds - time.time()
        asyncio.get_running_loop().call_later(max(left, 0), self._instances.forget, instance)

    def _spawn(self, work: Awaitable[None]) -> None:
        async def run() -> None:
            try:
                await work
            except Exception:  # one instance's fault must not end the agent
                log.exception("instance")

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def leave(self) -> None:
        """Watch no more; instances go on, for the next agent to find."""
        tasks = [one for instance in self._instances.all() for one in (instance.task, instance.shipping) if one]
        for task in (*tasks, *self._tasks):
            task.cancel()
        await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
        self._instances.save()
        await self._http.aclose()
