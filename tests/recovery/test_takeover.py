"""Two directors, stock CPIs and lost answers: what only happens when something else goes wrong too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from director.adapters.clock import SystemClock
from director.adapters.memory.cloud import MemoryCloud
from director.adapters.store.schema import LEASES
from director.adapters.task_log import StoreTaskLog
from director.engine import probe as points
from director.engine.cancel import Cancel
from director.engine.journal import save_plan
from director.engine.lease import TERM, Hold
from director.engine.run import run_plan
from director.model.errors import AgentError, LeaseLost
from director.model.plan import Plan, Step
from director.model.rows import JournalEntry, PossibleOrphanRow, Task, VmRow
from tests.recovery.plans import first_deploy
from tests.recovery.world import World

if TYPE_CHECKING:
    from conftest import MakeWorld


async def direct(
    world: World, owner: str, plan: Plan, probe: object, fence: int, slept: Callable[[], float] = lambda: 0.0
) -> None:
    """A director by hand, whose clock is ahead of the machine's by what it has ``slept``."""
    lease = await world.store.acquire("task/1", owner, TERM)
    assert lease is not None, "another director holds the task"
    now = asyncio.get_running_loop().time
    async with Hold(world.store, lease, monotonic=lambda: now() + slept()) as hold:
        if lease.fence == 1:
            await save_plan(world.store, 1, plan, hold)
        await run_plan(
            plan,
            task_id=1,
            ports=world.ports(world.store),
            log=StoreTaskLog(world.store, 1, SystemClock(), delay=0),
            hold=hold,
            cancel=Cancel(world.store, 1),
            fence=fence,
            probe=probe,  # type: ignore[arg-type]
        )
        await hold.release()


async def run_out(world: World) -> None:
    """The term of all leases is over."""
    await world.store._writer.run(lambda connection: connection.execute(LEASES.update().values(expires_at=0)))


@pytest.mark.parametrize("kind", ["file", "memory"])
async def test_a_director_that_slept_through_its_lease_does_nothing_when_it_wakes(
    make_world: MakeWorld, kind: str
) -> None:
    plan = first_deploy()
    model = await make_world()
    await model.live(1, plan)
    world = await make_world(kind)
    asleep, wake, slept = asyncio.Event(), asyncio.Event(), 0.0

    async def sleeps(point: str, step: Step) -> None:
        if (point, step.kind) == (points.AFTER_INTENT, "create_vm") and not asleep.is_set():
            asleep.set()
            await wake.wait()

    async def watches(point: str, step: Step) -> None:
        return None

    first = asyncio.create_task(direct(world, "one", plan, sleeps, fence=1, slept=lambda: slept))
    await asleep.wait()
    stopped = [task for task in asyncio.all_tasks() if task.get_coro().__qualname__ == "Hold._keep"]  # type: ignore[union-attr]
    for task in stopped:
        task.cancel()  # nothing of the first one runs any more, its renewals neither
    slept = TERM
    await run_out(world)
    await direct(world, "two", plan, watches, fence=2)
    wake.set()
    with pytest.raises(LeaseLost):
        await first
    await world.check()
    assert await world.picture() == await model.picture()
    with pytest.raises(AgentError, match="stale fence 1, already at 2"):
        await world.agents.call("a-i0", "stop", fence=1)


async def test_a_creation_that_nobody_can_look_up_is_told_and_never_repeated(make_world: MakeWorld) -> None:
    world = await make_world(cloud=MemoryCloud(can_find=False))
    plan = first_deploy()

    async def watch(point: str, step: Step) -> bool:
        return world.lives == 1 and (point, step.kind) == (points.AFTER_EFFECT, "create_vm")

    assert await world.live(1, plan, watch) is None
    task = await world.live(1, plan, watch)
    assert task is not None
    assert task.state == "error"
    assert "Possible orphan: a vm with key 'key-compiler'" in (task.result or "")
    assert "not made a second time silently" in (task.result or "")
    assert set(world.cloud.inventory.made.values()) == {1}
    entries = await world.store.find(JournalEntry, task_id=1)
    assert [(entry.kind, entry.state, entry.object_key) for entry in entries] == [
        ("create_vm", "failed", "key-compiler")
    ]
    (row,) = await world.store.find(PossibleOrphanRow)
    assert (row.object_key, row.agent_id, row.kind) == ("key-compiler", "compiler", "vm")
    assert await world.store.get(VmRow, "compiler") is None


@pytest.mark.parametrize("happened", [True, False], ids=["happened", "did not happen"])
@pytest.mark.parametrize("method", ["create_vm", "create_disk", "attach_disk", "delete_vm", "set_vm_metadata"])
async def test_a_lost_answer_costs_nothing_but_a_question(make_world: MakeWorld, method: str, happened: bool) -> None:
    plan = first_deploy()
    model = await make_world()
    await model.live(1, plan)
    world = await make_world()
    (world.cloud.script.lose if happened else world.cloud.script.fail)(method, world.cloud.unsettled(method))
    task = await world.live(1, plan)
    assert task is not None
    assert task.state == "done", task.result
    await world.check()
    assert await world.picture() == await model.picture()


async def test_a_cancelled_task_leaves_nothing_half_recorded(make_world: MakeWorld) -> None:
    world = await make_world()
    plan = first_deploy()

    async def watch(point: str, step: Step) -> bool:
        if (point, step.kind) == (points.AFTER_EFFECT, "create_disk"):
            row = await world.store.get(Task, f"{1:012d}")
            assert row is not None
            await world.cancel(row)
            return True
        return False

    assert await world.live(1, plan, watch) is None
    task = await world.live(1, plan)
    assert task is not None
    assert (task.state, task.result) == ("cancelled", "task cancelled")
    vms = {row.cid for row in await world.store.find(VmRow)}
    assert vms == set(world.cloud.inventory.vms)
    entries = await world.store.find(JournalEntry, task_id=1)
    assert {entry.state for entry in entries} == {"done"}
    assert len(world.cloud.inventory.disks) == 1
