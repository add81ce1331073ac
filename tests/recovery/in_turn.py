"""A scenario on any store, in one run in which a director dies at each journal point in turn: first before the first intent, then after it, and so
on to the end. Time is the store's own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from director.adapters.memory.clock import VirtualClock
from director.adapters.store.sql import SqlStore
from director.model.plan import Step
from director.model.rows import Task
from tests.recovery import invariants
from tests.recovery.life import ACTING, Killed, Life, answered
from tests.recovery.realm import OPEN, Realm
from tests.recovery.scenarios import Scenario
from tests.recovery.stories import Deed

MOST = 2000


@dataclass
class Run:
    """``points``: at which directors died."""

    points: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    wrongs: list[str] = field(default_factory=list[str])
    picture: str = ""


async def die_in_turn(scenario: Scenario, store: SqlStore, directory: Path) -> Run:
    """The last deed with all its deaths, those before it without any."""
    realm = Realm(directory, store, VirtualClock())
    for script in (realm.cloud.script, realm.agents.script):
        script.answered = answered
    realm.cloud.script.before = _alive
    await realm.furnish()
    for deed in scenario.story.deeds[:-1]:
        await _do(realm, deed, Run(), die=False)
    result = Run()
    task = await _do(realm, scenario.story.deeds[-1], result, die=True)
    if task.state != "done":
        result.wrongs.append(f"the task ended as {task.state}: {task.result}")
        return result
    args = (store, realm.cloud.inventory, realm.agents)
    result.wrongs += await invariants.wrongs(*args, since=task.id)
    result.picture = await invariants.picture(*args, without=invariants.BRIEF)
    return result


def _alive(method: str) -> None:
    life = ACTING.get()
    if life is not None and life.dead:
        raise Killed


async def _do(realm: Realm, deed: Deed, result: Run, *, die: bool) -> Task:
    if deed.lost >= 0:
        await realm.vanish(deed.lost)
    met: set[tuple[str, str]] = set()

    async def probed(life: Life, point: str, step: Step) -> None:
        if die and (step.id, point) not in met and not life.dead:
            met.add((step.id, point))
            result.points.append((step.id, point))
            life.kill()

    task: Task | None = None
    for _ in range(MOST):
        life = Life(realm, "one", probed=probed)
        if task is None:
            type_, request = deed.request()
            task = await life.runner.create(type_, type_, request=request, deployment="d")
        await life.begin()
        await _ended(realm, life, task.id)
        await life.end()
        await realm.agents.close()
        task = await realm.task(task.id)
        if task.state not in OPEN:
            return task
    result.wrongs.append(f"it has not ended after {MOST} deaths")
    assert task is not None
    return task


async def _ended(realm: Realm, life: Life, number: int) -> None:
    """The task has, or the director."""

    async def task() -> None:
        async for _ in realm.store.follow(f"task/{number}"):
            if (await realm.task(number)).state not in OPEN:
                return

    async with asyncio.timeout(120):
        await _first(task, life.died.wait)


async def _first(*makers: Callable[[], object]) -> None:
    waiting = [asyncio.ensure_future(make()) for make in makers]  # type: ignore[call-overload]
    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
    for one in waiting:
        one.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
