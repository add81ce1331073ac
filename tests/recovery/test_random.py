"""Random plans, faults and deaths. Each run follows from its number: MERISTEM_SEED=417 replays that one, MERISTEM_RUNS=500 makes more."""

from __future__ import annotations

import os
import random
from typing import TYPE_CHECKING

import pytest

from director.model.plan import Step
from tests.recovery.plans import first_deploy, update

if TYPE_CHECKING:
    from conftest import MakeWorld

    from tests.recovery.world import World

RUNS = int(os.environ.get("MERISTEM_RUNS", "6"))
SEEDS = [int(os.environ["MERISTEM_SEED"])] if "MERISTEM_SEED" in os.environ else list(range(RUNS))
CREATED = ["create_vm", "create_disk", "attach_disk", "detach_disk", "delete_vm"]


class Fate:
    """Kills at random points, at most so many times."""

    def __init__(self, dice: random.Random, deaths: int, steps: int) -> None:
        self._dice = dice
        self._left = deaths
        self._chance = 1.5 * deaths / (4 * steps)

    async def __call__(self, point: str, step: Step) -> bool:
        if self._left and self._dice.random() < self._chance:
            self._left -= 1
            return True
        return False


async def brought_to_an_end(world: World, task_id: int, plan: object, fate: Fate) -> None:
    for _ in range(12):
        task = await world.live(task_id, plan, fate)  # type: ignore[arg-type]
        if task is not None:
            assert task.state == "done", task.result
            await world.check()
            return
    raise AssertionError("it never ended")


@pytest.mark.parametrize("seed", SEEDS)
async def test_whatever_happens_the_end_is_the_same(make_world: MakeWorld, seed: int) -> None:
    dice = random.Random(seed)
    width = dice.randint(1, 3)
    plans = [first_deploy(instances=3, width=width)]
    if dice.random() < 0.7:
        plans.append(update(width=width))
    model = await make_world()
    for number, plan in enumerate(plans, 1):
        assert await model.live(number, plan)
    world = await make_world(dice.choice(["memory", "memory", "file"]))
    script = world.cloud.script
    for _ in range(dice.randint(0, 3)):
        method = dice.choice(CREATED)
        dice.choice([script.lose, script.fail])(method, world.cloud.unsettled(method), nth=dice.randint(1, 4))
    for number, plan in enumerate(plans, 1):
        steps = sum(len(unit.steps) for stage in plan.stages for unit in stage.units)
        await brought_to_an_end(world, number, plan, Fate(dice, dice.randint(1, 4), steps))
    assert await world.picture() == await model.picture()
