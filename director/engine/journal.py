"""The stored plan of a task and the journal of its steps. Every write is checked against the task's lease."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec

from director.engine.lease import Hold
from director.model.errors import DirectorError, NotFound
from director.model.plan import Plan, Step
from director.model.rows import JournalEntry, PlanRow
from director.ports.clock import Clock
from director.ports.store import Changes, Store
from director.steps.step import Intent, Outcome

INTENT = "intent"
DONE = "done"
FAILED = "failed"
REPEATED = "repeated"
FAILING = "failing"
"""Key of an intent's data, below which the error stands that it has failed with."""


async def save_plan(store: Store, task_id: int, plan: Plan, hold: Hold, changes: Changes | None = None) -> PlanRow:
    """Store the plan before anything of it is done, with the rows it refers to. A plan once stored is never replaced."""
    text = msgspec.json.encode(plan).decode()
    row = PlanRow(task_id=task_id, digest=hashlib.sha256(text.encode()).hexdigest(), text=text)
    stored = Changes(put=[row], expect=[(PlanRow, row.key, None)])
    await store.commit(stored + (changes or Changes()), lease=hold.lease)
    return row


async def stored_plan(store: Store, task_id: int) -> Plan | None:
    """The plan of a task, None when none was stored."""
    row = await store.get(PlanRow, f"{task_id:012d}")
    return None if row is None else msgspec.json.decode(row.text, type=Plan)


def call_key(task_id: int, step: Step) -> str:
    """What a step's calls carry: the same for every try of the step."""
    return f"t{task_id}/{step.id}"


def describe(error: BaseException) -> str:
    """An error as the user is told it."""
    if isinstance(error, DirectorError):
        return error.description
    return f"{type(error).__name__}: {error}"


def code_of(error: BaseException) -> int:
    return error.code if isinstance(error, DirectorError) else DirectorError.code


class Journal:
    """Entries of one task; ``last`` holds the newest try of each step."""

    def __init__(self, store: Store, task_id: int, hold: Hold, clock: Clock) -> None:
        self._store = store
        self._hold = hold
        self._clock = clock
        self.task_id = task_id
        self.last: dict[str, JournalEntry] = {}

    async def read(self) -> None:
        """Load what is there."""
        for entry in await self._store.find(JournalEntry, task_id=self.task_id):
            known = self.last.get(entry.step_id)
            if known is None or entry.attempt > known.attempt:
                self.last[entry.step_id] = entry

    def state(self, step: Step) -> str:
        """intent, done, failed, repeated, or '' for a step that was never begun."""
        entry = self.last.get(step.id)
        return "" if entry is None else entry.state

    def check(self, plan: Plan) -> None:
        """Raises when the journal names steps that the plan has not: they do not belong together."""
        known = {step.id for stage in plan.stages for unit in stage.units for step in unit.steps}
        strange = sorted(self.last.keys() - known)
        if strange:
            raise NotFound(f"The journal of task {self.task_id} has steps that its plan has not: {', '.join(strange)}")

    async def intend(self, step: Step, intent: Intent) -> JournalEntry:
        """Commit the intent and its rows."""
        entry = self._next(step, INTENT, object_key=intent.object_key, data=intent.data)
        await self._write(entry, intent.changes)
        return entry

    async def done(self, entry: JournalEntry, outcome: Outcome, *, settled: bool = False) -> None:
        """Commit the outcome's rows and the result, as one. ``settled``: it was found done."""
        closed = self._closed(entry, DONE, result=outcome.result, settled=settled)
        await self._write(closed, outcome.changes)

    async def repeated(self, entry: JournalEntry) -> None:
        """Close an intent whose step is to be tried anew."""
        await self._write(self._closed(entry, REPEATED, settled=True))

    async def failing(self, entry: JournalEntry, error: BaseException) -> JournalEntry:
        """The intent has failed for good and is closed once what it left is tidied: after a restart it is not tried again."""
        doomed = msgspec.structs.replace(
            entry, data={**entry.data, FAILING: {"error": describe(error), "code": code_of(error)}}
        )
        await self._write(doomed)
        return doomed

    async def failed(
        self, step: Step, entry: JournalEntry | None, error: BaseException, changes: Changes | None = None
    ) -> JournalEntry:
        """Close the intent (or note a step that failed before it had one) with the error, and commit what came of it."""
        entry = entry or self._next(step, INTENT)
        closed = self._closed(entry, FAILED, error=describe(error), result={"code": code_of(error)})
        await self._write(closed, changes)
        return closed

    def _next(self, step: Step, state: str, **fields: Any) -> JournalEntry:
        known = self.last.get(step.id)
        return JournalEntry(
            task_id=self.task_id,
            step_id=step.id,
            attempt=1 if known is None else known.attempt + 1,
            state=state,
            kind=step.kind,
            fence=self._hold.lease.fence,
            intended_at=self._clock.now(),
            **fields,
        )

    def _closed(self, entry: JournalEntry, state: str, **fields: Any) -> JournalEntry:
        return msgspec.structs.replace(entry, state=state, ended_at=self._clock.now(), **fields)

    async def _write(self, entry: JournalEntry, changes: Changes | None = None) -> None:
        await self._store.commit(Changes(put=[entry]) + (changes or Changes()), lease=self._hold.lease)
        self.last[entry.step_id] = entry
