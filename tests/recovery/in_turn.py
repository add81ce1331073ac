"""A scenario on any store, in one run in which a director dies at each journal point in turn: first before the first intent, then after it, and so
on to the end. Time is the store's own."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Set
from dataclasses import dataclass, field
from pathlib import Path

from director.adapters.memory.clock import VirtualClock
from director.adapters.store.sql import SqlStore
from director.model.plan import Step
from director.model.rows import Task
from tests.recovery import invariants
from tests.recovery.case import difference, model_of
from tests.recovery.life import ACTING, Killed, Life, answered
from tests.recovery.long import be_quiet
from tests.recovery.realm import OPEN, Realm
from tests.recovery.scenarios import Scenario
from tests.recovery.stories import Deed
from tests.recovery.virtual import run

MOST = 2000
_numbers = itertools.count(1)


@dataclass
class Run:
    """``points``: step and point at which directors died."""

    points: set[tuple[str, str]] = field(default_factory=set[tuple[str, str]])
    wrongs: list[str] = field(default_factory=list[str])
    picture: str = ""


def die_at_all_points(scenario: Scenario, opening: Callable[[Path], Awaitable[SqlStore]], directory: Path) -> None:
    """In as many runs as it takes, each on a new store. The end is the undisturbed one, and nothing was wrong on the way."""
    be_quiet()

    async def go(spared: Set[tuple[str, str]]) -> Run:
        place = directory / str(next(_numbers))
        place.mkdir()
        store = await opening(place)
        try:
            return await die_in_turn(scenario, store, place, spared)
        finally:
            await store.close()

    model = run(model_of(scenario.story, directory))
    tried: set[tuple[str, str]] = set()
    while len(tried) < model.points[scenario.deed]:
        real = asyncio.run(go(tried))
        assert not real.wrongs, "\n".join(real.wrongs)
        assert difference(real.picture, model.pictures[scenario.deed]) == []
        assert real.points, f"only {len(tried)} of {model.points[scenario.deed]} points are ever met"
        tried |= real.points
    assert len(tried) == model.points[scenario.deed]


async def die_in_turn(
    scenario: Scenario, store: SqlStore, directory: Path, spared: Set[tuple[str, str]] = frozenset()
) -> Run:
    """The last deed with all its deaths but at the ``spared`` points, the deeds before it without any. A step that was under way when its director
    died at another's point, and was adopted, has no points after its effect any more: those are met in another run that spares the rest."""
    realm = Realm(directory, store, VirtualClock())
    for script in (realm.cloud.script, realm.agents.script):
        script.answered = answered
    realm.cloud.script.before = _alive
    await realm.furnish()
    for deed in scenario.story.deeds[:-1]:
        await _do(realm, deed, Run(), die=False)
    result = Run()
    task = await _do(realm, scenario.story.deeds[-1], result, die=True, spared=spared)
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


async def _do(realm: Realm, deed: Deed, result: Run, *, die: bool, spared: Set[tuple[str, str]] = frozenset()) -> Task:
    if deed.lost >= 0:
        await realm.vanish(deed.lost)

    async def probed(life: Life, point: str, step: Step) -> None:
        here = (step.id, point)
        if die and here not in spared and here not in result.points and not life.dead:
            result.points.add(here)
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
