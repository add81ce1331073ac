"""After a restart: every open intent is settled before anything new begins."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from director.engine.effect import Hands, settle
from director.engine.journal import DONE, FAILED, FAILING, INTENT, describe
from director.model.errors import DirectorError, LeaseLost
from director.model.plan import Plan, Step
from director.steps.found import Found, Question

AT_ONCE = 8


@dataclass
class Settled:
    """What a resumed plan keeps, adopts, does again and gives up, by step titles."""

    kept: int = 0
    adopted: list[str] = field(default_factory=list[str])
    repeated: list[str] = field(default_factory=list[str])
    dropped: list[str] = field(default_factory=list[str])

    @property
    def sentence(self) -> str:
        """For the operator."""
        parts = [f"{self.kept} finished steps kept"]
        for verb, titles in (("adopted", self.adopted), ("to be repeated", self.repeated), ("dropped", self.dropped)):
            if titles:
                parts.append(f"{verb}: {', '.join(titles)}")
        return "The director was interrupted and goes on with the stored plan: " + "; ".join(parts)


async def settle_all(hands: Hands, plan: Plan) -> Settled:
    """Ask the clouds and agents about each open intent, a few at a time. What nobody can tell is left as a failed step."""
    settled = Settled()
    open_steps: list[Step] = []
    for stage in plan.stages:
        for unit in stage.units:
            for step in unit.steps:
                state = hands.journal.state(step)
                settled.kept += state == DONE
                if state == INTENT:
                    open_steps.append(step)
    gate = asyncio.Semaphore(AT_ONCE)
    told = replace(hands, found=await _ask_at_once(hands, open_steps))

    async def one(step: Step) -> None:
        async with gate:
            await _settle_one(told, step, settled)

    await all_of([one(step) for step in open_steps])
    hands.log.warning(settled.sentence)
    hands.log.debug(settled.sentence)
    return settled


async def _ask_at_once(hands: Hands, steps: Sequence[Step]) -> Found:
    """What became of open creations: one question for all of a cloud and kind, where the CPI takes it. What it leaves open is asked for one by one."""
    asked: dict[tuple[str, str], list[Question]] = {}
    for step in steps:
        question = hands.load(step).made_under
        if question is not None and FAILING not in hands.journal.last[step.id].data:
            asked.setdefault((question.cpi, question.kind), []).append(question)
    found = Found()
    for (cpi, kind), questions in asked.items():
        if len(questions) == 1:
            continue
        try:
            cloud = await hands.ports.clouds.get(cpi)
            if not (await cloud.info(log=hands.log.cpi)).can_find_all:
                continue
            cids = await cloud.find_all(kind, [one.key for one in questions], log=hands.log.cpi)
        except LeaseLost:
            raise
        except DirectorError as error:
            hands.log.debug(f"{len(questions)} creations of kind {kind} are asked for one by one: {describe(error)}")
            continue
        found.answers.update({one: cids.get(one.key) for one in questions})
    return found


async def _settle_one(hands: Hands, step: Step, settled: Settled) -> None:
    entry = hands.journal.last[step.id]
    try:
        state = await settle(hands, step, entry)
    except LeaseLost:
        raise
    except Exception as error:
        if hands.journal.state(step) != FAILED:
            await hands.journal.failed(step, entry, error)
        settled.dropped.append(f"{step.title} ({describe(error)})")
        hands.log.debug(f"{step.id}: what became of it is not known: {describe(error)}; known of it: {entry}")
        return
    (settled.adopted if state == DONE else settled.repeated).append(step.title)
    hands.log.debug(f"{step.id} ({step.title}): {'adopted' if state == DONE else 'to be repeated'}")


async def all_of(coroutines: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run them at once to their ends; the first exception is raised, an abrupt one (no `Exception`) ends the rest."""
    tasks = [asyncio.create_task(one) for one in coroutines]
    try:
        waiting = set(tasks)
        while waiting:
            done, waiting = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                error = task.exception()
                if error is not None:
                    raise error
    finally:
        await abandon(tasks)


async def abandon(tasks: Sequence[asyncio.Task[None]]) -> None:
    """End what still runs and wait for it; only for the end of a run that must not act any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
