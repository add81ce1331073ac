"""What a task's handler is given."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from director.engine.cancel import Cancel
from director.engine.effect import Loader
from director.engine.journal import save_plan, stored_plan
from director.engine.lease import Hold
from director.engine.locks import Locks
from director.engine.ports import Ports
from director.engine.probe import Probe, quiet
from director.engine.run import run_plan
from director.model.plan import Plan
from director.model.rows import Task
from director.ports.store import Changes
from director.ports.task_log import TaskLog
from director.steps.registry import load as load_step


@dataclass(frozen=True)
class Planned:
    """A plan and the rows that it refers to: committed as one, so that a task interrupted before plans again from the same rows."""

    plan: Plan
    changes: Changes = field(default_factory=Changes)


@dataclass
class TaskContext:
    """``resuming`` is True when an earlier life of a director had begun this task: what it committed is still there."""

    task: Task
    ports: Ports
    log: TaskLog
    hold: Hold
    cancel: Cancel
    locks: Locks
    resuming: bool
    probe: Probe = quiet
    load: Loader = load_step
    fence: int = 0

    async def lock(self, name: str) -> None:
        """Wait for a lock such as ``deployment/web`` and hold it until the task ends. Its fence goes along with all calls to agents."""
        # an interrupted plan's open intents are settled first, even when the user has cancelled the task meanwhile
        begun = self.resuming and await self.stored_plan() is not None
        lease = await self.locks.take(name, self.task, self.hold, None if begun else self.cancel, self.log)
        self.fence = max(self.fence, lease.fence) if name.startswith("deployment/") else self.fence

    async def checkpoint(self) -> None:
        """Between two pieces of work outside a plan: raises `TaskCancelled`, `Interrupted` or `LeaseLost`."""
        await self.cancel.check()
        await self.hold.check()

    async def commit(self, changes: Changes) -> None:
        """A commit that only the holder of this task can make."""
        await self.ports.store.commit(changes, lease=self.hold.lease)

    async def stored_plan(self) -> Plan | None:
        """The plan this task has stored, if it got that far."""
        return await stored_plan(self.ports.store, self.task.id)

    async def carry_out(self, make: Callable[[], Awaitable[Plan | Planned]]) -> Plan:
        """Run the stored plan; ``make`` is asked for one (which is stored first) only when there is none yet. Returns it when all is done."""
        plan = await self.stored_plan()
        if plan is None:
            made = await make()
            planned = made if isinstance(made, Planned) else Planned(made)
            plan = planned.plan
            await self.checkpoint()
            await save_plan(self.ports.store, self.task.id, plan, self.hold, planned.changes)
        await run_plan(
            plan,
            task_id=self.task.id,
            ports=self.ports,
            log=self.log,
            hold=self.hold,
            cancel=self.cancel,
            fence=self.fence,
            probe=self.probe,
            load=self.load,
        )
        return plan
