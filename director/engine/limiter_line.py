"""Those who wait to call one method of one cloud: let go at its pace, task after task, in each task the longest path first."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections import OrderedDict
from dataclasses import dataclass, field

from director.engine.limiter import Pace
from director.engine.turn import Turn
from director.ports.clock import Clock

Waiter = tuple[float, int, asyncio.Future[float]]


class Places:
    """How many calls of one cloud may be under way at once; a call that waits for its pace takes none."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.taken = 0
        self._freed = asyncio.Event()

    async def free(self) -> None:
        """Wait until there is one."""
        while self.taken >= self.number:
            self._freed.clear()
            await self._freed.wait()

    def give_back(self) -> None:
        self.taken -= 1
        self._freed.set()


@dataclass
class Line:
    """``counted`` False: the calls are short questions and take no place."""

    clock: Clock
    places: Places
    counted: bool = True
    pace: Pace = field(default_factory=Pace)
    _waiting: OrderedDict[int, list[Waiter]] = field(default_factory=OrderedDict[int, list[Waiter]])
    _order: itertools.count[int] = field(default_factory=itertools.count)
    _pump: asyncio.Task[None] | None = None

    @property
    def waiting(self) -> int:
        return sum(len(line) for line in self._waiting.values())

    async def enter(self, turn: Turn) -> float:
        """Returns when the call may go: at what time. The caller leaves with `leave`."""
        if not self._waiting and self._has_place() and not self.pace.ready_in(self.clock.now()):
            return self._let_go(pressed=False)
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        line = self._waiting.setdefault(turn.task_id, [])
        heapq.heappush(line, (-turn.weight, next(self._order), future))
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._serve(), name="limiter")
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.leave()
            raise

    def leave(self) -> None:
        """The call has ended, or does not go after all."""
        if self.counted:
            self.places.give_back()

    def _has_place(self) -> bool:
        return not self.counted or self.places.taken < self.places.number

    def _let_go(self, *, pressed: bool) -> float:
        now = self.clock.now()
        self.pace.send(now, pressed=pressed)
        if self.counted:
            self.places.taken += 1
        return now

    async def _serve(self) -> None:
        while self._waiting:
            if self.counted:
                await self.places.free()
            wait = self.pace.ready_in(self.clock.now())
            if wait:
                await self.clock.sleep(wait)
                continue
            future = self._next()
            if future is not None:
                future.set_result(self._let_go(pressed=True))

    def _next(self) -> asyncio.Future[float] | None:
        """The first of the task whose turn it is; that task goes behind the others."""
        task, line = next(iter(self._waiting.items()))
        _, _, future = heapq.heappop(line)
        if line:
            self._waiting.move_to_end(task)
        else:
            del self._waiting[task]
        return None if future.done() else future
