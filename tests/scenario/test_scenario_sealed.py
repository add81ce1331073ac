"""Sealed plans: planned now, carried out later as they are or not at all; every table and blob stays as it was until then."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import msgspec
import pytest

from director.engine.journal import stored_plan
from director.model.errors import BadRequest
from director.model.plan import Plan
from director.model.rows import DiskRow
from director.service.preview import show
from director.service.request import DeployRequest
from director.service.sealing import opened, seal
from tests.scenario.test_scenario_secrets import secret, value
from tests.scenario.town import Town, cloud_config, db, group, manifest

BIG = manifest(db(), group(instances=3))


async def sealed(town: Town, text: str, **options: Any) -> dict[str, Any]:
    """As a client gets it."""
    document = await seal(town.house, DeployRequest("d", text, **options))
    return json.loads(json.dumps(document))


async def apply(town: Town, document: dict[str, Any]) -> Plan:
    request = opened(town.house, "d", document, "olga")
    task = await town.do("update_deployment", _plain(request), "d")
    plan = await stored_plan(town.store, task.id)
    assert plan is not None
    return plan


async def refusal(town: Town, document: dict[str, Any]) -> str:
    """What is told, having changed nothing in cloud, agents and rows."""
    before = await town.picture()
    request = opened(town.house, "d", document, "olga")
    task = await town.attempt("update_deployment", _plain(request), "d")
    assert task.state == "error", task
    assert town.deeds == {}
    assert await town.picture() == before
    assert "is not carried out" in str(task.result)
    assert "Nothing was changed" in str(task.result)
    return str(task.result)


def _plain(request: DeployRequest) -> dict[str, Any]:
    return msgspec.to_builtins(request)


def dump(town: Town) -> bytes:
    """The whole database as SQL, sequences and leases included, and the blobs."""
    with town.store._engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        text = "\n".join(driver.iterdump())
    blobs = sorted((path.name, path.read_bytes()) for path in (town.directory / "blobs").iterdir())
    return text.encode() + repr(blobs).encode()


async def test_what_was_sealed_is_what_runs(town: Town) -> None:
    document = await sealed(town, secret())
    plan = await apply(town, document)
    await town.check()
    assert {**show(plan), "forecast": 0} == {**document["plan"], "forecast": 0}
    assert plan.inputs
    again = await sealed(town, secret(instances=3), canaries=0)
    assert again["plan"]["summary"]["create"] == 1
    await apply(town, again)
    await town.check()
    assert len(await town.rows("web")) == 3


@pytest.mark.parametrize("deployed", [False, True])
async def test_planning_leaves_the_whole_database_and_the_blobs_as_they_were(town: Town, deployed: bool) -> None:
    if deployed:
        await town.deploy(secret())
        town.break_agent("run_script")
        await town.fail(secret(mode="overwrite"))  # a dirty instance: agents are asked of it
    before = dump(town)
    town.calls = {}
    counts = town._counts()
    await sealed(town, secret(mode="overwrite", instances=4))
    await town.preview(secret(mode="overwrite", instances=4))
    assert dump(town) == before
    town.calls = dict(town._counts() - counts)
    assert town.deeds == {}
    assert bool(town.calls) == deployed


async def test_a_plan_is_made_again_with_variables_of_its_own(town: Town) -> None:
    await town.deploy(secret())
    first = await value(town)
    document = await sealed(town, secret(mode="overwrite"))
    assert await value(town) == first
    await apply(town, document)
    assert await value(town) != first
    assert "deployment 'd' has changed" in await refusal(town, document)


async def test_a_second_time_is_refused(town: Town) -> None:
    document = await sealed(town, BIG)
    await apply(town, document)
    told = await refusal(town, document)
    assert "deployment 'd' is new" in told


async def test_an_orphan_of_the_first_time_is_not_made_a_second_time(town: Town) -> None:
    document = await sealed(town, BIG)
    await apply(town, document)
    (disk,) = await town.store.find(DiskRow)
    await town.do("delete_deployment", {"deployment": "d"}, "d")
    assert "is now compiled (was not compiled)" in await refusal(town, document)
    document = await sealed(town, BIG)
    await apply(town, document)
    await town.do("delete_deployment", {"deployment": "d"}, "d")
    orphan = next(one for one in await town.store.find(DiskRow) if one.object_key != disk.object_key)
    assert f"it was carried out before, and what it made is orphaned: {orphan.object_key}" in await refusal(
        town, document
    )


async def test_refusals_name_what_moved(town: Town) -> None:
    await town.deploy(manifest())
    document = await sealed(town, BIG)

    await town.configure({**cloud_config(), "vm_types": [{"name": "small", "cloud_properties": {"cpu": 2}}]})
    assert "cloud config 'default' is now version 2 (was version 1)" in await refusal(town, document)

    document = await sealed(town, manifest(db(), group(instances=2, properties={"greeting": "Hi"})))
    await town.upload("update_release", "release-2.tgz")
    told = await refusal(town, document)
    assert "release 'shop' is now version 2 (was version 1)" in told
    assert "package base for" in told
    assert "is now not compiled (was compiled)" in told

    document = await sealed(town, BIG)
    await town.upload("update_stemcell", "stemcell-2.0.tgz")
    assert "is now version 2.0 (" in await refusal(town, document)

    document = await sealed(town, BIG)
    await town.change(manifest(), "stopped", "web", "1")
    one = (await town.rows("web"))[1]
    assert f"instance {one.name} (1) has changed" in await refusal(town, document)


async def test_an_agent_that_fell_silent_meanwhile_refuses(town: Town) -> None:
    await town.deploy(manifest())
    text = manifest(db(), group(properties={"greeting": "Hi"}))
    document = await sealed(town, text, fix=True)
    row = (await town.rows("web"))[0]
    town.agents.silent.add(row.agent_id)
    assert f"agent of {row.name} (0) is now not answering (was answering)" in await refusal(town, document)


async def test_an_altered_or_foreign_plan_is_no_plan(town: Town) -> None:
    document = await sealed(town, BIG)
    grown = json.loads(json.dumps(document))
    grown["request"]["recreate"] = True
    for wrong, told in (
        (grown, "it was altered"),
        ({**document, "director": "other"}, "sealed by another director"),
        ({**document, "meristem_plan": 2}, "version 2"),
        ({"a": 1}, "no sealed plan"),
        ({**document, "seal": 7}, "no sealed plan"),
    ):
        with pytest.raises(BadRequest, match=told):
            opened(town.house, "d", wrong, "olga")
    with pytest.raises(BadRequest, match="of deployment 'd', not of 'e'"):
        opened(town.house, "e", document, "olga")


async def test_what_others_do_meanwhile_does_not_matter(town: Town) -> None:
    await town.deploy(manifest())
    document = await sealed(town, manifest(db(), group(properties={"greeting": "Hi"})))
    await town.do("update_deployment", {"deployment": "e", "manifest": BIG.replace("name: d\n", "name: e\n", 1)}, "e")
    plan = await apply(town, document)
    assert plan.counts["update"] == 2


async def test_a_redacted_preview_tells_that_a_property_changed_not_how(town: Town) -> None:
    await town.deploy(manifest())
    text = manifest(db(), group(properties={"greeting": "psst"}))
    shown = json.dumps(await town.preview(text, redact=True))
    assert "psst" not in shown
    assert "web.properties.greeting" in shown
    assert "psst" in json.dumps(await town.preview(text))
