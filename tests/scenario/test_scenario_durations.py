"""What steps took is remembered and foretold."""

from __future__ import annotations

from typing import Any

from director.engine.journal import stored_plan
from director.model.errors import CloudError
from director.model.rows import DurationRow, Task
from tests.scenario.town import Town, db, group, manifest

BOTH = manifest()


async def rows(town: Town) -> dict[str, DurationRow]:
    return {row.key: row for row in await town.store.find(DurationRow)}


def greeting(text: str) -> str:
    return manifest(db(), group(properties={"greeting": text}))


def total(shown: dict[str, Any]) -> float:
    return shown["forecast"]["seconds"]


async def test_nothing_is_foretold_before_anything_was_done(town: Town) -> None:
    shown = (await town.preview(BOTH))["forecast"]
    assert (shown["seconds"], shown["whole"], shown["timed"]) == (None, False, 0)
    assert "create_vm" in shown["unknown"]


async def test_what_was_done_is_foretold_the_next_time(town: Town) -> None:
    town.agents.script.slow("start", 20.0, town.clock)
    await town.deploy(BOTH)
    known = await rows(town)
    assert known["start//d/web"].count == 2
    assert known["start//d/web"].mean >= 20
    assert known["watch//d/web"].mean < 1, "the lower bound of the watch time is policy, not work"
    assert "compile_package//shop/base" in known
    assert not any(key.startswith(("begin_instance", "save_deployment")) for key in known)

    shown = (await town.preview(greeting("Hi")))["forecast"]
    assert not shown["whole"], "these were never stopped nor drained"
    assert set(shown["unknown"]) == {"drain", "stop", "prepare"}
    await town.deploy(greeting("Hi"))
    shown = (await town.preview(greeting("Ho")))["forecast"]
    assert shown["whole"]
    assert 42 <= shown["seconds"] <= 50, "a canary, then the other"
    assert shown["waits"] == 2
    (down,) = shown["downtime"]
    assert (down["group"], down["instances"], down["waits"], down["whole"]) == ("web", 2, 1, True)
    assert 21 <= down["longest"] <= 25
    assert (await town.preview(greeting("Hi")))["forecast"] == {**shown, "seconds": 0, "steps": 0, "timed": 0} | {
        "likely": None,
        "waits": 0,
        "downtime": [],
    }


async def test_the_stored_plan_says_what_was_expected(town: Town) -> None:
    await town.deploy(BOTH)
    task = await town.do("update_deployment", {"deployment": "d", "manifest": greeting("Hi")}, "d")
    plan = await stored_plan(town.store, task.id)
    assert plan is not None
    steps = {step.kind: step for stage in plan.stages for unit in stage.units for step in unit.steps}
    assert steps["stop"].seconds is None
    assert steps["start"].seconds is not None
    assert (steps["watch"].seconds or 0) >= 1


async def test_a_failed_task_teaches_too_and_an_unchanged_deploy_nothing(town: Town) -> None:
    town.cloud.script.fail("create_disk", CloudError("no disk", type="Bosh::Clouds::CloudError", method="create_disk"))
    await town.fail(BOTH)
    known = await rows(town)
    assert "create_vm//d/web" in known
    assert "create_disk//d/db" not in known
    await town.deploy(BOTH)
    known = await rows(town)
    before = len(await town.store.find(Task))
    await town.deploy(BOTH)
    assert len(await town.store.find(Task)) == before + 1
    assert await rows(town) == known
