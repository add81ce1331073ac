"""A task's report: planned against actual, the critical path, what would have saved most."""

from __future__ import annotations

from typing import Any

import pytest

from director.model.errors import NotFound
from director.model.rows import DurationRow, Task
from director.service.report import report
from tests.scenario.town import Town, db, group, manifest


def greeting(text: str, instances: int = 4) -> str:
    update = {"canaries": 1, "max_in_flight": 1, "canary_watch_time": "3000-9000", "update_watch_time": "3000-9000"}
    return manifest(db(), group(instances=instances, properties={"greeting": text}), update=update)


async def told(town: Town, text: str) -> dict[str, Any]:
    return await report(town.store, await town.do("update_deployment", {"deployment": "d", "manifest": text}, "d"))


async def test_a_rolling_update_is_told_with_its_critical_path(town: Town) -> None:
    await town.deploy(greeting("Hello"))
    town.agents.script.slow("start", 10.0, town.clock)
    await town.deploy(greeting("Hi"))
    found = await told(town, greeting("Ho"))

    assert (found["state"], found["retries"], found["settled"]) == ("done", 0, [])
    assert found["planned"]["whole"]
    assert found["planned"]["seconds"] < found["actual"], "the first starts took no time"
    assert found["actual"] == pytest.approx(4 * 13, abs=4)
    canary, wave = (one for one in found["stages"] if one["title"] == "Updating instance")
    assert canary["actual"] == pytest.approx(13, abs=1)
    assert wave["actual"] == pytest.approx(39, abs=3)
    assert [unit["state"] for unit in wave["units"]] == ["done"] * 3

    path = found["critical_path"]
    assert path["seconds"] == pytest.approx(found["actual"], abs=0.01)
    assert [one["released_by"] for one in path["units"]][:4] == ["start", "stage", "slot", "slot"]
    assert path["by_kind"][0]["kind"] == "start"
    assert path["held"]["watch"] == pytest.approx(12, abs=1)
    assert path["held"]["canaries"] == pytest.approx(10, abs=1)
    assert path["held"]["max_in_flight"] == pytest.approx(20, abs=1)
    assert sum(path["held"].values()) == pytest.approx(path["seconds"], abs=0.01)

    first, *others = found["savings"]
    assert first["change"] == "start in half the time"
    assert first["seconds"] == pytest.approx(20, abs=1)
    assert "max_in_flight of web doubled (1 → 2)" in [one["change"] for one in others]
    assert len(found["savings"]) == 3


async def test_a_failed_task_is_told_as_far_as_it_came(town: Town) -> None:
    await town.deploy(greeting("Hello"))
    town.break_agent("start")
    await town.fail(greeting("Hi"))
    (task,) = await town.store.find(Task, state="error")
    found = await report(town.store, task)
    units = {one["title"]: one for stage in found["stages"] for one in stage["units"]}
    assert [one["state"] for one in units.values() if one["state"] != "waiting"] == ["failed"]
    assert len(units) > 4
    assert found["savings"] == []
    assert found["critical_path"]["units"][-1]["unit"].endswith("(canary)")


async def test_retries_and_what_was_settled_are_told_and_teach_nothing(town: Town) -> None:
    town.cloud.script.lose("create_vm", town.cloud.unsettled("create_vm"), nth=4)
    town.cloud.script.fail("create_disk", town.cloud.unsettled("create_disk"))
    found = await told(town, greeting("Hello"))
    assert found["retries"] == 1
    assert sorted(title.partition(" ")[0] for title in found["settled"]) == ["create", "create"]
    assert any(title.startswith("create a persistent disk") for title in found["settled"])
    rows = {row.key: row for row in await town.store.find(DurationRow)}
    assert (
        sum(row.count for key, row in rows.items() if key == "create_vm/*/*") == 7
    )  # of 3 compilation VMs and 5, one adopted


async def test_what_has_no_plan_has_no_report(town: Town) -> None:
    task = await town.do("update_deployment", {"deployment": "d", "manifest": greeting("Hi"), "dry_run": True}, "d")
    with pytest.raises(NotFound, match="no plan to report on"):
        await report(town.store, task)
