"""One step: intent, effect, result, each its own commit."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from director.engine import probe as points
from director.engine.cancel import Interrupted
from director.engine.journal import DONE, FAILING, INTENT, Journal, call_key, describe
from director.engine.lease import Hold
from director.engine.ports import Ports
from director.engine.probe import Probe
from director.engine.turn import Turn, taking
from director.model.errors import AgentTimeout, CloudError, CloudUnsettled, DirectorError, LeaseLost, TaskCancelled
from director.model.plan import Step
from director.model.rows import JournalEntry
from director.ports.store import Changes
from director.ports.task_log import TaskLog
from director.steps.found import Found
from director.steps.step import Adopt, Io, Recovery, Repeat, StepRun

Loader = Callable[[Step], StepRun[Any]]

TRIES = 3
WAITS = (2.0, 5.0, 15.0)


@dataclass
class Hands:
    """What every step of a run works with."""

    ports: Ports
    journal: Journal
    log: TaskLog
    hold: Hold
    fence: int
    probe: Probe
    load: Loader
    found: Found = field(default_factory=Found)

    def io(self, step: Step, tell: Callable[[str], None]) -> Io:
        key = call_key(self.journal.task_id, step)
        return self.ports.io(self.log, fence=self.fence, call_key=key, tell=tell, found=self.found)


async def carry_out(hands: Hands, step: Step, tell: Callable[[str], None]) -> None:
    """Do a step that is not done. Its failure is in the journal when this raises (unless the lease is lost)."""
    entry: JournalEntry | None = None
    try:
        run = hands.load(step)
        if run.status:
            tell(run.status)
        io = hands.io(step, tell)
        for attempt in range(1, TRIES + 1):
            await hands.probe(points.BEFORE_INTENT, step)
            entry = None
            intent = await run.intend(io)
            entry = await hands.journal.intend(step, intent)
            await hands.probe(points.AFTER_INTENT, step)
            await hands.hold.check()
            try:
                outcome = await run.run(io, intent)
            except CloudUnsettled as error:
                # the answer is lost, not the effect: ask what became of it, as after a restart
                hands.log.debug(f"{step.id} ({step.title}): {describe(error)}; asking what became of it")
                if await settle(hands, step, entry, error) == DONE:
                    return
                entry = None
                if attempt == TRIES:
                    raise
                continue
            await hands.probe(points.AFTER_EFFECT, step)
            await hands.journal.done(entry, outcome)
            await hands.probe(points.AFTER_RESULT, step)
            return
    except (LeaseLost, Interrupted):
        raise
    except TaskCancelled:
        # while a call waited for its turn; what the step did before that must be known
        if entry is not None and hands.journal.state(step) == INTENT:
            with taking(Turn(hands.journal.task_id, lease=hands.hold.check)):
                await settle(hands, step, entry)
        raise
    except Exception as error:
        if not isinstance(error, DirectorError):
            hands.log.debug("".join(traceback.format_exception(error)))
        if hands.journal.state(step) != "failed":
            await give_up(hands, step, entry, error)
        raise


async def give_up(hands: Hands, step: Step, entry: JournalEntry | None, error: Exception) -> None:
    """Journal a failure. What the step leaves is tidied before, under a mark, so that a death in between changes nothing of the end."""
    run = hands.load(step) if entry is not None and hands.journal.state(step) == INTENT else None
    if entry is None or run is None or not (FAILING in entry.data or run.leaves(error)):
        await hands.journal.failed(step, entry, error)
        return
    if FAILING not in entry.data:
        entry = await hands.journal.failing(entry, error)
    await hands.probe(points.AFTER_INTENT, step)
    await hands.hold.check()
    changes = Changes()
    try:
        with taking(Turn(hands.journal.task_id, lease=hands.hold.check)):
            changes = await run.tidy(hands.io(step, lambda text: None))
    except LeaseLost:
        raise
    except DirectorError as second:
        hands.log.warning(f"{step.title} failed, and what it left could not be tidied: {describe(second)}")
    await hands.probe(points.AFTER_EFFECT, step)
    await hands.journal.failed(step, entry, error, changes)
    await hands.probe(points.AFTER_RESULT, step)


async def settle(hands: Hands, step: Step, entry: JournalEntry, first: DirectorError | None = None) -> str:
    """Close an open intent by what became of it; the state it then has: done, or repeated. Raises when nobody can tell;
    the error then begins with the ``first`` one, by which the answer was lost."""
    doom = entry.data.get(FAILING)
    if doom:
        error = DirectorError(doom["error"], code=doom["code"])
        await give_up(hands, step, entry, error)
        raise error
    recovery = await _ask(hands, step, entry)
    if isinstance(recovery, Adopt):
        await hands.journal.done(entry, recovery.outcome, settled=True)
    elif isinstance(recovery, Repeat):
        await hands.journal.repeated(entry)
    else:
        unknown = DirectorError(
            f"{describe(first)}. {recovery.message}" if first is not None else recovery.message,
            remedy="Look for it in the cloud; `meristem possible-orphans` lists all that is known of it, and it is not made a second time silently.",
        )
        await hands.journal.failed(step, entry, unknown, recovery.changes)
        raise unknown
    return hands.journal.state(step)


async def _ask(hands: Hands, step: Step, entry: JournalEntry) -> Recovery:
    io = hands.io(step, lambda text: hands.log.debug(f"{step.id}: {text}"))
    for wait in (*WAITS, None):
        await hands.hold.check()
        try:
            return await hands.load(step).recover(io, entry)
        except (CloudError, AgentTimeout) as error:
            passing = isinstance(error, CloudUnsettled | AgentTimeout) or (
                isinstance(error, CloudError) and error.ok_to_retry
            )
            if wait is None or not passing:
                raise
            hands.log.debug(f"{step.id}: {describe(error)}; asking again in {wait:.0f} s")
            await hands.ports.clock.sleep(wait)
    raise AssertionError("unreachable: the last try returns or raises")
