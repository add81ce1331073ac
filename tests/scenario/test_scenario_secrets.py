"""Variables: made, pinned, rotated, and never told; previews and dry runs."""

from __future__ import annotations

import json
import sqlite3

import pytest

from director.model.rows import PlanRow, VariableRow, VariableSetRow
from tests.scenario.town import Town, db, group, manifest

PASSWORD = {"name": "web_password", "type": "password"}


def secret(*, mode: str = "no-overwrite", **more: object) -> str:
    variables = [{**PASSWORD, "update_mode": mode}]
    return manifest(db(), group(properties={"password": "((web_password))"}, **more), variables=variables)


async def value(town: Town) -> str:
    """As the template got it."""
    line = next(line for line in (await town.rendered("web")).splitlines() if line.startswith("password: "))
    return line.removeprefix("password: ")


async def test_a_variable_is_made_once_and_kept(town: Town) -> None:
    await town.deploy(secret())
    first = await value(town)
    assert len(first) > 10
    await town.deploy(secret())
    assert town.calls == {}
    assert await value(town) == first
    assert len(await town.store.find(VariableSetRow)) == 1


async def test_overwrite_rotates_at_every_deploy_and_touches_only_who_uses_it(town: Town) -> None:
    await town.deploy(secret())
    first = await value(town)
    plan = await town.deploy(secret(mode="overwrite"))
    assert await value(town) != first
    assert (plan.counts["update"], plan.counts["unchanged"]) == (2, 1)
    told = {str(cause) for stage in plan.stages for unit in stage.units for step in unit.steps for cause in step.causes}
    assert told == {"web.variables.web_password: new value"}
    sets = {row.variable_set for row in await town.rows()}
    assert len(sets) == 1, "those that were not touched have their set advanced"


async def test_a_restart_keeps_the_values_of_the_last_deploy(town: Town) -> None:
    await town.deploy(secret(mode="overwrite"))
    first = await value(town)
    plan = await town.change(secret(mode="overwrite"), "restart", "web", "1")
    assert plan.counts["update"] == 1
    assert await value(town) == first


async def test_a_rotated_variable_in_env_recreates(town: Town) -> None:
    env = {"bosh": {"password": "((web_password))"}}
    await town.deploy(secret(env=env))
    plan = await town.deploy(secret(mode="overwrite", env=env))
    assert plan.counts["recreate"] == 2


async def test_two_deployments_at_once_take_sets_of_their_own(town: Town) -> None:
    await town.deploy(secret())
    other = secret().replace("name: d\n", "name: e\n", 1)
    await town.do("update_deployment", {"deployment": "e", "manifest": other}, "e")
    ids = [(row.deployment, row.id) for row in await town.store.find(VariableSetRow)]
    assert len(ids) == len({number for _, number in ids}) == 2


@pytest.mark.parametrize("first", [True, False])
async def test_no_plan_and_no_preview_holds_a_secret(town: Town, first: bool) -> None:
    text = secret(env={"bosh": {"password": "((web_password))"}})
    if not first:
        await town.deploy(text)
        text = text.replace("no-overwrite", "overwrite")
    shown = json.dumps(await town.preview(text))
    await town.deploy(text)
    password = await value(town)
    plans = "".join(row.text for row in await town.store.find(PlanRow))
    assert "web_password" in plans
    assert password not in plans
    assert password not in shown
    for kind in ("debug", "event", "result"):
        for number in range(1, 10):
            output, _ = await town.store.read_output(number, kind)
            assert password.encode() not in output


async def test_a_literal_secret_in_a_manifest_is_not_shown(town: Town) -> None:
    await town.deploy(manifest(db(), group(properties={"password": "first-s3cret"})))
    shown = await town.preview(manifest(db(), group(properties={"password": "second-s3cret"})))
    assert "s3cret" not in json.dumps(shown)
    assert "web.properties.password" in json.dumps(shown)


def causes(shown: dict[str, object]) -> set[tuple[str, object, object]]:
    return {
        (cause["field"], cause["old"], cause["new"])
        for stage in shown["stages"]  # type: ignore[attr-defined]
        for unit in stage["units"]
        for step in unit["steps"]
        for cause in step["causes"]
    }


async def test_a_preview_tells_the_causes_and_changes_nothing(town: Town) -> None:
    before = dump(town)
    shown = await town.preview(manifest())
    assert {one for one in causes(shown) if one[0] == "instance"} == {("instance", None, "new")}
    assert shown["summary"] == {"create": 3, "update": 0, "recreate": 0, "delete": 0, "unchanged": 0}
    assert dump(town) == before
    await town.deploy(manifest(db(), group(properties={"greeting": "Hello"})))
    shown = await town.preview(manifest(db(), group(properties={"greeting": "Hi"})))
    assert causes(shown) == {("web.properties.greeting", "Hello", "Hi")}
    before = dump(town)
    shown = await town.preview(secret())
    assert ("web.properties.password", "<redacted>", "((web_password))") in causes(shown)
    assert dump(town) == before, "not even a variable was made"


async def test_a_longer_link_is_told_by_its_count_and_addresses(town: Town) -> None:
    await town.deploy(manifest())
    shown = await town.preview(manifest(db(instances=2), group()))
    told = causes(shown)
    assert ("web.links.db.instances", 1, 2) in told
    assert ("web.links.db.addresses", "10.0.1.2", "10.0.1.2, 10.0.1.5") in told


def dump(town: Town) -> dict[str, list[tuple[object, ...]]]:
    """Every table of the database but those of tasks."""
    with town.store._engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        names = [name for (name,) in driver.execute("select name from sqlite_master where type = 'table'")]
        told = {"tasks", "task_output", "leases", "sequences"}
        return {name: sorted(driver.execute(f'select * from "{name}"'), key=repr) for name in names if name not in told}


@pytest.mark.parametrize("deployed", [False, True])
async def test_a_dry_run_leaves_the_store_and_the_blobs_byte_for_byte(town: Town, deployed: bool) -> None:
    if deployed:
        await town.deploy(secret())
    files = sorted(path.name for path in (town.directory / "blobs").iterdir())
    before = dump(town)
    sized = secret(mode="overwrite", instances=4)
    await town.do("update_deployment", {"deployment": "d", "manifest": sized, "dry_run": True}, "d")
    after = dump(town)
    assert {name for name in after if after[name] != before[name]} == set()
    assert sorted(path.name for path in (town.directory / "blobs").iterdir()) == files
    assert town.deeds == {}


async def test_a_variable_that_follows_stemcells_is_made_anew_with_another_stemcell(town: Town) -> None:
    text = secret(mode="overwrite").replace("update_mode:", "update: {strategy: on-stemcell-change}\n  update_mode:")
    await town.deploy(text)
    first = await value(town)
    await town.deploy(text)
    assert town.calls == {}
    await town.upload("update_stemcell", "stemcell-2.0.tgz")
    await town.deploy(text)
    assert await value(town) != first


async def test_variables_of_a_deleted_deployment_are_gone(town: Town) -> None:
    await town.deploy(secret())
    assert await town.store.find(VariableRow)
    await town.do("delete_deployment", {"deployment": "d"}, "d")
    assert not await town.store.find(VariableRow)
    assert not await town.store.find(VariableSetRow)
