"""Runs a stored plan to its end: units in the order of the plan, as many at once as their stages allow."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from director.engine.cancel import Cancel, Interrupted
from director.engine.effect import Hands, Loader, carry_out
from director.engine.guard import guarded
from director.engine.journal import DONE, FAILED, Journal, code_of, describe
from director.engine.lease import Hold
from director.engine.order import Order, Work
from director.engine.ports import Ports
from director.engine.probe import Probe, quiet
from director.engine.progress import Told, UnitProgress, already_told
from director.engine.recover import abandon, settle_all
from director.engine.turn import Turn, taking
from director.model.errors import DirectorError, LeaseLost, TaskCancelled
from director.model.plan import Plan, Step
from director.ports.task_log import TaskLog
from director.steps.registry import load as load_step


async def run_plan(
    plan: Plan,
    *,
    task_id: int,
    ports: Ports,
    log: TaskLog,
    hold: Hold,
    cancel: Cancel,
    fence: int = 0,
    probe: Probe = quiet,
    load: Loader = load_step,
) -> None:
    """Carry out a plan that `journal.save_plan` has stored, or go on with it. Returns when every step is done.

    Raises the first error of a failed plan (the others are listed in it), `TaskCancelled`, `Interrupted` (this director ends) or
    `LeaseLost` (another has taken over); after the last two the task is neither failed nor ended.
    """
    order = Order(plan)
    journal = Journal(ports.store, task_id, hold, ports.clock)
    await journal.read()
    journal.check(plan)
    told: Told = set()
    hands = Hands(guarded(ports, hold), journal, log, hold, fence, probe, load)
    if plan.agents:
        await ports.agents.admit(plan.agents)
    if journal.last:
        told = await already_told(ports.store, task_id)
        await settle_all(hands, plan)
    await _Run(hands, order, cancel, told).go()


@dataclass
class _Run:
    hands: Hands
    order: Order
    cancel: Cancel
    told: Told
    failures: list[tuple[Work, BaseException]] = field(default_factory=list[tuple[Work, BaseException]])
    stopped: TaskCancelled | Interrupted | None = None
    lost: LeaseLost | None = None
    doing: dict[str, Step] = field(default_factory=dict[str, Step])

    async def go(self) -> None:
        self._pick_up()
        running: dict[asyncio.Task[None], Work] = {}
        try:
            while True:
                self._start(running)
                if not running:
                    break
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    work = running.pop(task)
                    self._ended(work, task.exception())
        finally:
            await abandon(list(running))
            await self.hands.log.flush()
        self._conclude()

    def _start(self, running: dict[asyncio.Task[None], Work]) -> None:
        if self.lost or self.stopped:
            return
        for work in self.order.ready(set(running.values())):
            if self._may_go_on(work):
                running[asyncio.create_task(self._unit(work), name=f"{work.stage.id}/{work.unit.id}")] = work

    def _may_go_on(self, work: Work) -> bool:
        """After a failure only what was begun before (a restart may have interrupted it) is brought to its end."""
        return work.begun or not self.failures

    def _progress(self, work: Work) -> UnitProgress:
        return UnitProgress(self.hands.log, self.hands.ports.clock, work.stage, work.index, self.told)

    def _pick_up(self) -> None:
        """Take over from the journal what is done, begun and failed."""
        journal = self.hands.journal
        failed: list[tuple[float, Work, DirectorError]] = []
        for work in self.order.works.values():
            for step in work.unit.steps:
                state = journal.state(step)
                work.begun = work.begun or bool(state)
                if state == DONE:
                    work.done += 1
                elif state == FAILED:
                    entry = journal.last[step.id]
                    code = (entry.result or {}).get("code", DirectorError.code)
                    work.failed = True
                    failed.append((entry.ended_at or 0, work, DirectorError(entry.error, code=code)))
            if work.begun and work.ended:
                self._progress(work).finished()
        for _, work, error in sorted(failed, key=lambda one: one[0]):
            self._progress(work).failed(describe(error))
            self.failures.append((work, error))

    async def _unit(self, work: Work) -> None:
        progress = self._progress(work)
        for step in work.unit.steps[work.done :]:
            await self.cancel.check()
            if not self._may_go_on(work):
                return  # another unit failed in the moment in which this one was about to begin
            work.begun = True
            progress.started()
            progress.advanced(work.done)
            self.hands.log.debug(f"{work.stage.title}: {work.unit.task}: {step.title} ({step.id})")
            self.doing[work.unit.task] = step
            turn = Turn(
                self.hands.journal.task_id, work.weight, self.hands.hold.check, self.cancel.check, self.cancel.wait
            )
            try:
                with taking(turn):
                    await carry_out(self.hands, step, progress.status)
            except (LeaseLost, TaskCancelled, Interrupted):
                raise
            except Exception as error:
                self._failed(work, error)
                progress.failed(describe(error))
                raise
            finally:
                self.doing.pop(work.unit.task, None)
            work.done += 1
        progress.finished()

    def _ended(self, work: Work, error: BaseException | None) -> None:
        log = self.hands.log
        if error is None:
            return
        if isinstance(error, LeaseLost):
            self.lost = self.lost or error
        elif isinstance(error, TaskCancelled | Interrupted):
            if self.stopped is None:
                self.stopped = error
                self._tell_stopping(error)
            log.debug(f"{work.unit.task}: stopped after {work.done} of {len(work.unit.steps)} steps")
        elif not isinstance(error, Exception):
            raise error
        elif not work.failed:
            self._failed(work, error)

    def _tell_stopping(self, error: Exception) -> None:
        """What is in the middle of a step is left to finish it: no effect is torn off."""
        for unit, step in self.doing.items():
            self.hands.log.debug(f"{error}: {unit} is finishing {step.title}")

    def _failed(self, work: Work, error: Exception) -> None:
        work.failed = True
        self.failures.append((work, error))
        self.hands.log.debug(f"{work.unit.task}: failed: {describe(error)}")

    def _conclude(self) -> None:
        if self.lost:
            raise self.lost
        if self.failures:
            raise self._failure()
        if self.stopped:
            raise self.stopped
        if not self.order.complete:
            waiting = ", ".join(f"{stage}/{unit}" for (stage, unit), work in self.order.works.items() if not work.ended)
            raise DirectorError(f"The plan's stages need each other in a circle; never begun: {waiting}")

    def _failure(self) -> BaseException:
        first = self.failures[0][1]
        if len(self.failures) == 1:
            return first
        others = "\n".join(f"- {work.unit.task}: {describe(error)}" for work, error in self.failures[1:])
        return DirectorError(f"{describe(first)}\nAlso failed:\n{others}", code=code_of(first))
