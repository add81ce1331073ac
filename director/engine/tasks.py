"""The task runner: tasks are created queued, claimed by lease, handled, and ended; those that a director left behind are taken up again."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec
import structlog

from director.engine.cancel import Cancel, Interrupted
from director.engine.context import TaskContext
from director.engine.effect import Loader
from director.engine.journal import code_of, describe
from director.engine.lease import TERM, Hold, Horizon
from director.engine.locks import Locks, holder
from director.engine.ports import Ports
from director.engine.probe import Probe, quiet
from director.engine.wake import EXPIRED, Alarm
from director.model.deployment import Document
from director.model.errors import BadRequest, DirectorError, LeaseLost, NotFound, RowChanged, TaskCancelled
from director.model.rows import Task
from director.ports.store import Changes, Lease
from director.ports.task_log import TaskLog
from director.steps.registry import load as load_step

Handler = Callable[[TaskContext], Awaitable[str | None]]

QUEUED = "queued"
PROCESSING = "processing"
CANCELLING = "cancelling"
OPEN = (QUEUED, PROCESSING, CANCELLING)

_log: Any = structlog.get_logger(__name__)


class Runner:
    """One per director. ``owner`` names this life of it; leases of owners that start with ``earlier`` are known to be a dead life's and
    are taken over at once. ``urgent`` task types have places of their own, so that they never wait behind deploys."""

    def __init__(
        self,
        ports: Ports,
        handlers: Mapping[str, Handler],
        make_log: Callable[[int], TaskLog],
        *,
        owner: str,
        earlier: str = "",
        limit: int = 5,
        urgent: frozenset[str] = frozenset(),
        urgent_limit: int = 10,
        term: float = TERM,
        horizon: Horizon | None = None,
        probe: Probe = quiet,
        load: Loader = load_step,
    ) -> None:
        self._ports = ports
        self._store = ports.store
        self._handlers = handlers
        self._make_log = make_log
        self._owner = owner
        self._earlier = earlier
        self._limits = {False: limit, True: urgent_limit}
        self._urgent = urgent
        self._term = term
        self._horizon = horizon
        self._probe = probe
        self._load = load
        self._locks = Locks(self._store, on_wait=self._look_soon)
        self._looks: set[asyncio.Task[None]] = set()
        self._looking = asyncio.Lock()
        self._alarm = Alarm(self._look_soon)
        self._running: dict[int, tuple[asyncio.Task[None], Cancel, bool]] = {}
        self._loop: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self) -> None:
        """Take over what an earlier life left, then take tasks as they come."""
        if self._earlier:
            for lease in await self._store.leases():
                if lease.owner.startswith(self._earlier) and not lease.owner.startswith(self._owner):
                    await self._store.release(lease)
        self._loop = asyncio.create_task(self._serve(), name="task-runner")

    async def stop(self, grace: float = 10) -> None:
        """Take nothing new; tasks pause between two steps, so that the next life goes on with them. After ``grace`` seconds those still in a
        step are abandoned as in a crash."""
        self._stopping = True
        self._alarm.clear()
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)
        for _, cancel, _ in self._running.values():
            cancel.interrupt()
        tasks = [task for task, _, _ in self._running.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def busy(self) -> bool:
        """Whether a task runs here."""
        return bool(self._running)

    async def create(
        self,
        type: str,
        description: str,
        *,
        request: Document | None = None,
        deployment: str | None = None,
        user: str = "admin",
        context_id: str = "",
        teams: tuple[str, ...] = (),
    ) -> Task:
        """A new task, queued and durable. ``request`` is all that the handler needs to do it, now or in another life."""
        if type not in self._handlers:
            raise BadRequest(f"No handler for tasks of type {type}")
        task = Task(
            id=await self._store.next_id("task"),
            type=type,
            description=description,
            deployment=deployment,
            user=user,
            context_id=context_id,
            created_at=self._ports.clock.now(),
            request=request or {},
            teams=teams,
        )
        await self._store.commit(Changes(put=[task]))
        return task

    async def cancel(self, task_id: int) -> Task:
        """Ask a task to stop. Raises `NotFound` (10000) or `BadRequest` (10001) for one that has ended."""
        while True:
            task = await self.get(task_id)
            if task.state == CANCELLING:
                return task
            if task.state not in OPEN:
                raise BadRequest(f"Cannot cancel task {task_id}: invalid state ({task.state})", code=10001)
            try:
                return await self._replace(task, None, state=CANCELLING)
            except RowChanged:
                continue

    async def get(self, task_id: int) -> Task:
        """A task's row. Raises `NotFound` (10000)."""
        task = await self._store.get(Task, f"{task_id:012d}")
        if task is None:
            raise NotFound(f"Task {task_id} not found", code=10000)
        return task

    async def wait(self, task_id: int) -> Task:
        """The row once the task has ended."""
        async for _ in self._store.follow(f"task/{task_id}"):
            task = await self.get(task_id)
            if task.state not in OPEN:
                return task
        raise AssertionError("unreachable: wake-ups do not end")

    async def _serve(self) -> None:
        async for _ in self._store.follow("tasks"):
            await self._look()

    def _look_soon(self) -> None:
        look = asyncio.create_task(self._look())
        self._looks.add(look)
        look.add_done_callback(self._looks.discard)

    async def _look(self) -> None:
        """Claim what can be claimed: first what was interrupted, then what is queued, oldest first."""
        async with self._looking:
            if self._stopping:
                return
            try:
                rows = await self._store.find(Task, state=list(OPEN))
                claimed = {lease.name: lease.expires_at for lease in await self._store.leases("task/")}
                for task in sorted(rows, key=lambda row: (row.state == QUEUED, row.id)):
                    if task.id not in self._running and f"task/{task.id}" not in claimed and self._has_place(task):
                        await self._claim(task)
                await self._watch(
                    [
                        claimed[name]
                        for name in (f"task/{one.id}" for one in rows if one.id not in self._running)
                        if name in claimed
                    ]
                )
            except Exception as error:
                _log.error("looking for tasks failed", error=describe(error))

    async def _watch(self, ends: Sequence[float]) -> None:
        """Look again when the first of these leases of others runs out: its holder may be dead."""
        if ends:
            self._alarm.set(max(0.0, min(ends) - await self._store.now()) + EXPIRED)
        else:
            self._alarm.clear()

    def _has_place(self, task: Task) -> bool:
        """Tasks that wait for a lock take no place, lest many deploys of one deployment keep all others waiting."""
        urgent = task.type in self._urgent
        taken = sum(
            its_urgency is urgent and number not in self._locks.waiting
            for number, (_, _, its_urgency) in self._running.items()
        )
        return taken < self._limits[urgent]

    async def _claim(self, task: Task) -> None:
        asked = self._horizon.now() if self._horizon is not None else None
        lease = await self._store.acquire(f"task/{task.id}", holder(self._owner, task.id), self._term)
        if lease is None:
            return
        found = await self._store.get(Task, task.key)
        if found is None or found.state not in OPEN:
            await self._store.release(lease)
            return
        cancel = Cancel(self._store, task.id)
        work = asyncio.create_task(self._work(found, lease, cancel, asked), name=f"task-{task.id}")
        work.add_done_callback(_looked_at)
        self._running[task.id] = (work, cancel, task.type in self._urgent)

    async def _work(self, task: Task, lease: Lease, cancel: Cancel, asked: float | None) -> None:
        try:
            async with Hold(self._store, lease, term=self._term, asked=asked, horizon=self._horizon) as hold:
                await self._handle(task, hold, cancel)
        except LeaseLost as error:
            _log.warning("task given up", task=task.id, error=describe(error))
        except Exception as error:
            # the lease runs out by itself, and the task is taken up again then
            _log.error("task interrupted", task=task.id, error=describe(error))
        finally:
            self._running.pop(task.id, None)
        await self._look()

    async def _handle(self, task: Task, hold: Hold, cancel: Cancel) -> None:
        log = self._make_log(task.id)
        log.bind(lambda: hold.lease)
        resuming = task.started_at is not None
        try:
            if task.state == QUEUED:
                task = await self._update(task, hold, state=PROCESSING, started_at=self._ports.clock.now())
            if task.state == CANCELLING and not resuming:
                raise TaskCancelled(task.id)
            context = TaskContext(
                task, self._ports, log, hold, cancel, self._locks, resuming=resuming, probe=self._probe, load=self._load
            )
            result = await self._handlers[task.type](context)
        except LeaseLost:
            raise
        except Interrupted:
            await log.flush()
        except TaskCancelled as error:
            await self._end(task, hold, log, "cancelled", "task cancelled", error)
        except Exception as error:
            if not isinstance(error, DirectorError):
                log.debug("".join(traceback.format_exception(error)))
            await self._end(task, hold, log, "error", describe(error), error)
        else:
            await self._end(task, hold, log, "done", result)
        await hold.release()

    async def _end(
        self, task: Task, hold: Hold, log: TaskLog, state: str, result: str | None, error: Exception | None = None
    ) -> None:
        """The failure line, then all output, then the row: clients read them in the other order."""
        if error is not None:
            log.failure(code_of(error), describe(error))
        log.debug(f"Task {task.id} {state}")
        await log.flush()
        await self._update(task, hold, state=state, result=result, finished_at=self._ports.clock.now())

    async def _update(self, task: Task, hold: Hold, **fields: Any) -> Task:
        """Change the row whatever the API did to it meanwhile; a wish to cancel is not overwritten by ``processing``."""
        while True:
            try:
                return await self._replace(task, hold.lease, **fields)
            except RowChanged:
                task = await self.get(task.id)
                if task.state == CANCELLING and fields.get("state") == PROCESSING:
                    return task

    async def _replace(self, task: Task, lease: Lease | None, **fields: Any) -> Task:
        changed = msgspec.structs.replace(task, **fields)
        await self._store.commit(Changes(put=[changed], expect=[(Task, task.key, task)]), lease=lease)
        return changed


def _looked_at(work: asyncio.Task[None]) -> None:
    """What is no `Exception` (the end of the process, in tests) is nobody's to handle here."""
    if not work.cancelled():
        work.exception()
