"""What became of many creations that were open when a director died is one question to a cloud that can answer it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from director.adapters.memory.cloud import MemoryCloud
from director.engine import probe as points
from director.model.plan import Step
from tests.recovery.plans import first_deploy
from tests.recovery.world import World

if TYPE_CHECKING:
    from conftest import MakeWorld

WIDTH = 5


async def died(world: World, kind: str, point: str) -> None:
    """A director dies when all instances are at this point of their steps of this kind."""
    there, all_there = 0, asyncio.Event()

    async def watch(at: str, step: Step) -> bool:
        nonlocal there
        if (at, step.kind) != (point, kind) or "compiler" in step.id:
            return False
        there += 1
        if there == WIDTH:
            return True
        await all_there.wait()
        return True

    assert await world.live(1, first_deploy(instances=WIDTH, width=WIDTH), watch) is None


@pytest.mark.parametrize("point", [points.AFTER_INTENT, points.AFTER_EFFECT])
@pytest.mark.parametrize("kind", ["create_vm", "create_disk"])
async def test_all_open_creations_are_one_question(make_world: MakeWorld, kind: str, point: str) -> None:
    plan = first_deploy(instances=WIDTH, width=WIDTH)
    model = await make_world()
    await model.live(1, plan)
    world = await make_world()
    await died(world, kind, point)
    task = await world.live(1, plan)
    assert task is not None
    assert task.state == "done", task.result
    asked = {name: world.cloud.script.calls[name] for name in ("find", "find_all")}
    assert asked == {"find": 0, "find_all": 1}
    assert world.cloud.script.calls[kind] == model.cloud.script.calls[kind], "and nothing is made twice"
    await world.check()
    assert await world.picture() == await model.picture()


async def test_a_cpi_without_the_question_is_asked_for_each(make_world: MakeWorld) -> None:
    world = await make_world(cloud=MemoryCloud(lacks=frozenset({"find_all"})))
    await died(world, "create_vm", points.AFTER_EFFECT)
    task = await world.live(1, first_deploy(instances=WIDTH, width=WIDTH))
    assert task is not None
    assert task.state == "done", task.result
    assert {name: world.cloud.script.calls[name] for name in ("find", "find_all")} == {"find": WIDTH, "find_all": 0}
    await world.check()


@pytest.mark.parametrize("lost", [True, False])
async def test_a_question_without_an_answer_is_put_for_each(make_world: MakeWorld, lost: bool) -> None:
    world = await make_world()
    await died(world, "create_vm", points.AFTER_EFFECT)
    script = world.cloud.script
    (script.lose if lost else script.fail)("find_all", world.cloud.unsettled("find_all"))
    task = await world.live(1, first_deploy(instances=WIDTH, width=WIDTH))
    assert task is not None
    assert task.state == "done", task.result
    assert (script.calls["find_all"], script.calls["find"]) == (1, WIDTH)
    await world.check()


async def test_an_answer_serves_once(make_world: MakeWorld) -> None:
    """Between the common answer and a second look the world may have moved on: a VM that was there is asked for again."""
    world = await make_world()
    await died(world, "create_vm", points.AFTER_EFFECT)
    world.cloud.script.fail("set_vm_metadata", world.cloud.unsettled("set_vm_metadata"))
    task = await world.live(1, first_deploy(instances=WIDTH, width=WIDTH))
    assert task is not None
    assert task.state == "done", task.result
    assert {name: world.cloud.script.calls[name] for name in ("find", "find_all")} == {"find": 1, "find_all": 1}
    await world.check()
