"""One simulated agent: its connection with its own identity, its requests, its tasks one at a time, its heartbeats."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import ssl
import uuid
from collections.abc import Sequence
from typing import Any, cast

import msgspec
import nats.errors
from nats.aio.client import Client
from nats.aio.msg import Msg

from cpi.contract import CloudError, Json
from cpi.sim import memory as memories
from cpi.sim.actions import AS_TASKS, AT_ONCE, READ_ONLY, Guest, Refused
from cpi.sim.house import House
from cpi.sim.identity import Identity, blob_ca, section
from cpi.sim.inventory import Item
from cpi.sim.memory import DONE, Task
from cpi.sim.upload import URL_KEYS

log = logging.getLogger(__name__)
FIRST_PAUSE, LONGEST_PAUSE = 0.2, 10.0
FAREWELL = 5.0


class Agent:
    """Lives from the boot of its VM until it is cancelled, or dies as its fate has it."""

    def __init__(self, vm: Item, house: House) -> None:
        self._vm = vm
        self._house = house
        self._env = cast(Json, vm.body.get("env") or {})
        self._zone = vm.text("zone")
        self._groups = [str(one) for one in cast("list[object]", section(self._env, "bosh").get("groups") or [])]
        self._memory = memories.load(house.memory_of(vm.cid))
        first = next(iter(cast("dict[str, Json]", vm.body.get("networks") or {}).values()), {})
        self._id = vm.text("agent_id")
        self._guest = Guest(
            vm.cid, self._id, str(first.get("ip") or ""), self._memory, self._attached, bool(vm.body.get("failing"))
        )
        self._stuck = vm.text("stuck")
        self._client: Client | None = None
        self._closed = asyncio.Event()
        self._connected = asyncio.Event()
        self._waiting: asyncio.Queue[Task] = asyncio.Queue()
        self._worker: asyncio.Task[None] | None = None
        self._sending: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        """Boot, and stay on the bus."""
        boots_at, dies_at = self._vm.body.get("boots_at"), self._vm.body.get("dies_at")
        if not isinstance(boots_at, int | float):
            return
        life = None if not isinstance(dies_at, int | float) else self._house.seconds_until(dies_at)
        try:
            async with asyncio.timeout(life):
                await asyncio.sleep(self._house.seconds_until(boots_at))
                for task in self._memory.tasks.values():
                    if task.state != DONE:
                        self._submit(task)
                await self._stay()
        except TimeoutError:
            log.info("agent %s dies", self._id)
        finally:
            if self._worker is not None:
                self._worker.cancel()
            await self._disconnect()

    async def _stay(self) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                await self._session()
                pause = FIRST_PAUSE
            except (nats.errors.Error, OSError, ssl.SSLError, TimeoutError, CloudError) as error:
                log.info("agent %s: no connection (%s)", self._id, error or type(error).__name__)
            except Exception:
                log.exception("agent %s: the client of the bus failed", self._id)
            else:
                continue
            # Spread: a server that comes back must not meet all its agents at once.
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 (no secret)
            pause = min(pause * 2, LONGEST_PAUSE)

    async def _session(self) -> None:
        identity = self._identity()
        self._closed.clear()
        client = Client()

        async def on_closed() -> None:
            if self._client is client or self._client is None:
                self._closed.set()

        async def on_error(error: Exception) -> None:
            log.debug("agent %s: bus: %s", self._id, error)

        try:
            async with self._house.handshakes:
                await client.connect(
                    list(identity.urls),
                    name=self._id,
                    tls=identity.context(known=self._stuck != "refused"),
                    allow_reconnect=False,
                    connect_timeout=10,
                    ping_interval=60,
                    max_outstanding_pings=2,
                    pending_size=0,
                    closed_cb=on_closed,
                    error_cb=on_error,
                )
                await client.subscribe(f"agent.{self._id}", cb=self._heard)  # pyright: ignore[reportUnknownMemberType]
                await client.flush()
            self._client = client
            self._connected.set()
            if self._stuck == "agent":
                await self._closed.wait()  # it is there, and never says a word
                return
            for task in list(self._memory.tasks.values()):
                if task.state == DONE and task.push and not task.told:
                    await self._tell(task)
            await self._beat_until_closed(client)
        finally:
            self._connected.clear()
            self._client = None
            if not client.is_closed:
                with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                    async with asyncio.timeout(FAREWELL):
                        await client.close()

    async def _beat_until_closed(self, client: Client) -> None:
        """A client tells of its end only once its socket has closed, and a peer that is gone may never confirm that."""
        interval = self._house.agents.heartbeat / self._house.config.speed
        while not self._closed.is_set() and not client.is_closed:
            await self._publish(f"hm.agent.heartbeat.{self._id}", self._guest.heartbeat())
            # at random moments, so that thousands of agents do not beat together
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(interval * random.uniform(0.9, 1.0)):  # noqa: S311 (no secret)
                    await self._closed.wait()

    async def _disconnect(self) -> None:
        client, self._client = self._client, None
        if client is not None and not client.is_closed:
            with contextlib.suppress(nats.errors.Error, OSError, TimeoutError):
                await client.close()

    async def _heard(self, message: Msg) -> None:
        try:
            request = cast("dict[str, Any]", msgspec.json.decode(message.data))
            method, reply_to = str(request["method"]), str(request.get("reply_to") or "")
        except (msgspec.DecodeError, KeyError, TypeError, AttributeError):
            log.info("agent %s: a message that is no request is ignored", self._id)
            return
        if self._stuck == "agent":
            return
        # The bus delivers in order and waits for this; a slow action must not hold up the next ping.
        answering = asyncio.ensure_future(self._reply(method, reply_to, request))
        self._sending.add(answering)
        answering.add_done_callback(self._sending.discard)

    async def _reply(self, method: str, reply_to: str, request: dict[str, Any]) -> None:
        try:
            body: dict[str, Any] = {"value": await self._answer(method, reply_to, request)}
        except Refused as refused:
            body = {"exception": {"message": str(refused)}}
        if reply_to:
            await self._publish(reply_to, body)

    async def _answer(self, method: str, reply_to: str, request: dict[str, Any]) -> Any:
        arguments = cast("list[Any]", request.get("arguments") or [])
        extension = cast("dict[str, Any]", request.get("meristem") or {})
        self._check(extension.get("fence"))
        if method == "get_task":
            return self._task(arguments)
        if method == "cancel_task":
            raise Refused(f"canceling tasks is not supported by a simulated agent: {arguments[:1]}")
        if method not in AT_ONCE and method not in AS_TASKS and method not in URL_KEYS:
            raise Refused(f"unknown message {method}")
        key = str(extension.get("key") or "")
        earlier = self._memory.by_key(key)
        if earlier is not None and earlier.method in AT_ONCE:
            return earlier.value
        if earlier is not None:
            earlier.reply_to = reply_to or earlier.reply_to
            return _running(earlier)
        self._house.record(self._id, method, extension.get("fence"))
        task = Task(str(uuid.uuid4()), method, arguments, reply_to, "meristem" in request and bool(reply_to), key)
        if method in AT_ONCE:
            task.value = await self._perform(task)
            task.state, task.push, task.arguments = DONE, False, []
            if key and method not in READ_ONLY:
                self._memory.accept(task)
            if method not in READ_ONLY:
                self._save()
            return task.value
        self._memory.accept(task)
        self._save()
        self._submit(task)
        return _running(task)

    def _check(self, fence: object) -> None:
        if isinstance(fence, int) and not isinstance(fence, bool):
            if fence < self._memory.fence:
                raise Refused(f"stale fence {fence}, already at {self._memory.fence}")
            self._memory.fence = fence

    def _task(self, arguments: Sequence[Any]) -> Any:
        task = self._memory.tasks.get(str(arguments[0])) if arguments else None
        if task is None:
            raise Refused(f"Task with id {arguments[0] if arguments else ''} could not be found")
        if task.state != DONE:
            return _running(task)
        if task.error is not None:
            raise Refused(f"Task {task.id} result: {task.error}")
        return task.value

    def _submit(self, task: Task) -> None:
        self._waiting.put_nowait(task)
        if self._worker is None or self._worker.done():
            self._worker = asyncio.ensure_future(self._work())

    async def _work(self) -> None:
        """The tasks that wait, in order; ends when there are none."""
        while not self._waiting.empty():
            task = self._waiting.get_nowait()
            try:
                value, error = await self._perform(task), None
            except Refused as refused:
                value, error = None, str(refused)
            task.state, task.value, task.error, task.arguments = DONE, value, error, []
            self._save()
            await self._tell(task)

    async def _perform(self, task: Task) -> Any:
        """Take the time of the action, do it, or fail as a fault says."""
        method = task.method
        number = self._memory.did[method] = self._memory.did.get(method, 0) + 1
        slow = self._vm.body.get("slow")
        seconds = self._house.latency_of(self._vm.cid, method, number)
        seconds += float(slow) if isinstance(slow, int | float) and method != "ping" else 0.0
        if seconds:
            await asyncio.sleep(seconds / self._house.config.speed)
        failure = self._house.failure_of(self._vm.cid, method, number, self._zone, self._groups)
        if failure is not None:
            raise Refused(failure)
        if method in URL_KEYS:
            return await self._house.uploads.perform(method, task.arguments, self._vm.cid, blob_ca(self._env))
        before = self._identity() if method == "update_settings" else None
        if method == "drain" and task.arguments[:1] == ["shutdown"]:
            await self._publish(f"hm.agent.shutdown.{self._id}", {})
        state = self._memory.job_state
        value = {**AT_ONCE, **AS_TASKS}[method](self._guest, task.arguments)
        if self._memory.job_state != state:
            await self._publish(f"hm.agent.heartbeat.{self._id}", self._guest.heartbeat())
        if before is not None and self._identity() != before:
            self._save()
            self._connected.clear()
            self._closed.set()  # the session ends, and the next one is the new identity's
            await self._connected.wait()
        return value

    async def _tell(self, task: Task) -> None:
        if not task.push:
            return
        body: dict[str, Any] = {"meristem": {"agent_task_id": task.id}}
        if task.error is None:
            body["value"] = task.value
        else:
            body["exception"] = {"message": f"Task {task.id} result: {task.error}"}
        task.told = await self._publish(task.reply_to, body)

    async def _publish(self, subject: str, body: dict[str, Any]) -> bool:
        client = self._client
        if client is None or not client.is_connected:
            return False
        try:
            await client.publish(subject, msgspec.json.encode(body))
        except (nats.errors.Error, OSError) as error:
            log.info("agent %s: publishing failed: %s", self._id, error)
            return False
        return True

    def _identity(self) -> Identity:
        return Identity.of(self._env, self._vm.text("mbus"), self._memory.update)

    def _attached(self) -> Sequence[str]:
        return self._house.attached_to(self._vm.cid)

    def _save(self) -> None:
        self._house.remember(self._vm.cid, self._memory)


def _running(task: Task) -> dict[str, str]:
    return {"agent_task_id": task.id, "state": "running"}
