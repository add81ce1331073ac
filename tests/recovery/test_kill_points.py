"""A director killed at each journal point of each kind of step: the next one brings the task to the same end, and nothing is made twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from director.engine import probe as points
from director.model.plan import Plan, Step
from director.steps.create_vm import CreateVmStep
from director.steps.step import Intent, Io, Recovery, Repeat, StepRun
from tests.recovery.plans import first_deploy, swap, update

if TYPE_CHECKING:
    from conftest import MakeWorld

    from tests.recovery.world import World

BESIDE = (points.BEFORE_INTENT, points.AFTER_RESULT)
"""Deaths that leave no intent open: afterwards not a single call may be made again."""

WITHIN = (points.AFTER_INTENT, points.AFTER_EFFECT)

_models: dict[str, tuple[str, dict[str, int]]] = {}


def kinds(plan: Plan) -> list[str]:
    found = (step.kind for stage in plan.stages for unit in stage.units for step in unit.steps)
    return list(dict.fromkeys(found))


def last_of(plan: Plan, kind: str) -> str:
    return [step.id for stage in plan.stages for unit in stage.units for step in unit.steps if step.kind == kind][-1]


async def undisturbed(make_world: MakeWorld, name: str, *plans: Plan) -> tuple[str, dict[str, int]]:
    """The end state and the calls of a run in which nobody dies."""
    if name not in _models:
        world = await make_world()
        for number, plan in enumerate(plans, 1):
            task = await world.live(number, plan)
            assert task is not None
            assert task.state == "done", task.result
            await world.check()
        _models[name] = (await world.picture(), world.calls())
    return _models[name]


async def die(world: World, task_id: int, plan: Plan, step_id: str, *at: str) -> None:
    """Kill one director after the other at these points of the step; the last one ends the task."""
    left = list(at)

    async def watch(point: str, step: Step) -> bool:
        if left and (point, step.id) == (left[0], step_id):
            left.pop(0)
            return True
        return False

    for _ in at:
        assert await world.live(task_id, plan, watch) is None
    task = await world.live(task_id, plan, watch)
    assert not left
    assert task is not None
    assert task.state == "done", task.result
    await world.check()


@pytest.mark.parametrize("at", [BESIDE, WITHIN], ids=["beside", "within"])
@pytest.mark.parametrize("kind", kinds(first_deploy()))
async def test_first_deploy(make_world: MakeWorld, kind: str, at: tuple[str, ...]) -> None:
    plan = first_deploy()
    picture, calls = await undisturbed(make_world, "first", plan)
    world = await make_world()
    await die(world, 1, plan, last_of(plan, kind), *at)
    assert await world.picture() == picture
    if at is BESIDE:
        assert world.calls() == calls, "work was done again"


@pytest.mark.parametrize("at", [BESIDE, WITHIN], ids=["beside", "within"])
@pytest.mark.parametrize("kind", kinds(update()))
async def test_update(make_world: MakeWorld, kind: str, at: tuple[str, ...]) -> None:
    before, plan = first_deploy(instances=3), update()
    picture, calls = await undisturbed(make_world, "update", before, plan)
    world = await make_world()
    await world.live(1, before)
    await die(world, 2, plan, last_of(plan, kind), *at)
    assert await world.picture() == picture
    if at is BESIDE:
        assert world.calls() == calls, "work was done again"


@pytest.mark.parametrize("at", [BESIDE, WITHIN], ids=["beside", "within"])
@pytest.mark.parametrize("kind", kinds(swap()))
async def test_create_swap_delete(make_world: MakeWorld, kind: str, at: tuple[str, ...]) -> None:
    before, plan = first_deploy(), swap()
    picture, calls = await undisturbed(make_world, "swap", before, plan)
    world = await make_world()
    await world.live(1, before)
    await die(world, 2, plan, last_of(plan, kind), *at)
    assert await world.picture() == picture
    if at is BESIDE:
        assert world.calls() == calls, "work was done again"


@pytest.mark.parametrize("kind", ["create_vm", "create_disk", "compile_package", "apply"])
async def test_first_deploy_side_by_side_on_the_file_store(make_world: MakeWorld, kind: str) -> None:
    plan = first_deploy(width=2)
    picture, _ = await undisturbed(make_world, "first", first_deploy())
    world = await make_world("file")
    await die(world, 1, plan, last_of(plan, kind), points.BEFORE_INTENT, *WITHIN)
    assert await world.picture() == picture


async def test_the_checks_notice_a_step_that_repeats_blindly(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def blindly(self: CreateVmStep, io: Io, entry: object) -> Recovery:
        return Repeat()

    monkeypatch.setattr(CreateVmStep, "recover", blindly)
    plan = first_deploy()
    with pytest.raises(AssertionError):
        await die(await make_world(), 1, plan, last_of(plan, "create_vm"), points.AFTER_EFFECT)


async def test_the_checks_notice_a_creation_without_a_row(
    make_world: MakeWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nothing(self: StepRun[object], io: Io) -> Intent:
        return Intent()

    monkeypatch.setattr(CreateVmStep, "intend", nothing)
    plan = first_deploy()
    with pytest.raises(AssertionError):
        await die(await make_world(), 1, plan, last_of(plan, "create_vm"), points.AFTER_EFFECT)
