"""A VM whose agent never speaks, and directors that die while they wait for it and while they delete it: nothing is left, in cloud or store."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import pytest

from director.engine import probe as points
from director.model.plan import Step
from director.model.rows import InstanceRow, JournalEntry, VmRow
from tests.recovery.plans import first_deploy

if TYPE_CHECKING:
    from conftest import MakeWorld

WAY = ["waiting", "marked", "tidied", "ended"]
"""The points that a failing wait passes: after its intent, after the mark, after the deletion, after the failure's commit."""


def place(point: str, passed: list[str]) -> str:
    """Where on the `WAY` this is, in one life of a director."""
    if point == points.AFTER_INTENT:
        return "marked" if passed and passed[-1] == "waiting" else "waiting"
    return {points.AFTER_EFFECT: "tidied", points.AFTER_RESULT: "ended"}.get(point, "")


@pytest.mark.parametrize("deaths", [*((one,) for one in WAY), *combinations(WAY, 2)], ids="-".join)
@pytest.mark.parametrize("agent", ["a-i1", "compiler"])
async def test_nothing_is_left(make_world: MakeWorld, agent: str, deaths: tuple[str, ...]) -> None:
    world = await make_world()
    world.agents.silent.add(agent)
    left, passed = list(deaths), list[str]()

    async def watch(point: str, step: Step) -> bool:
        if step.kind != "wait_agent" or step.args["agent_id"] != agent:
            return False
        here = place(point, passed)
        if not here:
            return False
        if here == "waiting" and marked:
            here = "marked"  # a director that finds the mark does not wait again
        passed.append(here)
        if here == "marked":
            marked.append(True)
        if left and left[0] == here:
            left.pop(0)
            passed.clear()
            return True
        return False

    marked: list[bool] = []
    plan = first_deploy()
    task = None
    for _ in range(len(deaths) + 1):
        task = await world.live(1, plan, watch)
        if task is not None:
            break
    assert not left
    assert task is not None
    assert task.state == "error"
    assert task.result is not None
    assert task.result.startswith("Timed out pinging VM '") and f"with agent '{agent}'" in task.result
    inventory = world.cloud.inventory
    rows = await world.store.find(VmRow)
    assert {row.cid for row in rows} == set(inventory.vms), "the cloud has what the store knows"
    assert agent not in {row.agent_id for row in rows}
    assert agent not in {row.agent_id for row in await world.store.find(InstanceRow)}
    assert all(count == 1 for count in inventory.made.values())
    entries = await world.store.find(JournalEntry)
    assert not [entry for entry in entries if entry.state == "intent"]
