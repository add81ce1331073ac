"""A task that waits for VMs whose agents never speak, or for jobs that do not come up, is cancelled: it ends soon, and the next deploy mends all."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from director.engine import probe as points
from director.model.plan import Step
from tests.recovery.case import fresh
from tests.recovery.life import Life
from tests.recovery.long import be_quiet
from tests.recovery.realm import now
from tests.recovery.shop import Manifest, Shape
from tests.recovery.stories import Deed
from tests.recovery.virtual import run

SOON = 2.0
"""Seconds to the end of a task that would have waited for 30 (the agent), or for 9 (the jobs)."""


@pytest.mark.parametrize("waits", ["wait_agent", "watch"])
def test_it_ends_soon_and_the_next_deploy_mends_it(waits: str, tmp_path: Path) -> None:
    be_quiet()

    async def go() -> None:
        stage = fresh(tmp_path)
        realm = stage.realm
        await realm.furnish()
        stage.pace(0)
        deed = Deed("deploy", Manifest((Shape("p", instances=3, canaries=0, max_in_flight="100%", job="db"),)))
        cancelled: list[float] = []
        later: list[asyncio.Task[None]] = []

        async def cancel(life: Life) -> None:
            await asyncio.sleep(3)  # all three wait by now
            task = await realm.last()
            assert task is not None
            cancelled.append(now())
            await life.runner.cancel(task.id)

        async def trouble(life: Life, point: str, step: Step) -> None:
            if point != points.AFTER_INTENT or (
                step.kind == "wait_agent" and step.args["spec"]["job"] != {"name": "p"}
            ):
                return
            if step.kind == "wait_agent" == waits:
                realm.agents.silent.add(str(step.args["agent_id"]))
            if step.kind == "start":
                for vm in realm.cloud.inventory.vms.values():
                    guest = realm.agents.guest(vm.agent_id)
                    assert guest is not None
                    guest.failing = True
            if step.kind == waits and not later:
                later.append(asyncio.create_task(cancel(life)))

        task = await stage.do(deed, probed=trouble)
        assert task.state == "cancelled"
        assert task.finished_at is not None
        assert task.finished_at - cancelled[0] < SOON
        realm.heal()
        assert (await stage.do(deed)).state == "done"
        assert await stage.wrongs(0) == []

    run(go())
