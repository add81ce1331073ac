"""Failures in the middle, agents that are silent, and what the next deploy makes of it."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from director.model.rows import InstanceRow, VmRow
from director.ports.store import Changes
from tests.scenario.town import Town, db, group, manifest

BOTH = manifest()


def webs(greeting: str, instances: int = 3) -> str:
    return manifest(db(), group(instances=instances, properties={"greeting": greeting}))


@pytest.mark.parametrize("nth", range(1, 7))
async def test_a_create_that_fails_midway_is_healed_by_the_next_deploy(town: Town, nth: int) -> None:
    town.cloud.script.fail("create_vm", town.cloud.refused("create_vm"), nth=nth)
    assert "create_vm failed" in await town.fail(BOTH)
    await town.deploy(BOTH)
    await town.check()
    assert len(town.cloud.inventory.vms) == 3
    await town.deploy(BOTH)
    assert town.calls == {}


@pytest.mark.parametrize("method", ["create_disk", "attach_disk"])
async def test_a_disk_that_fails_is_healed_by_the_next_deploy(town: Town, method: str) -> None:
    town.cloud.script.fail(method, town.cloud.refused(method))
    await town.fail(BOTH)
    await town.deploy(BOTH)
    await town.check()
    assert len(town.cloud.inventory.disks) == 1


ACTIONS = ["mount_disk", "apply", "start", "run_script", "compile_package_with_signed_url"]


@pytest.mark.parametrize("method", ACTIONS)
async def test_an_agents_failure_is_healed_by_the_next_deploy(town: Town, method: str) -> None:
    town.break_agent(method, nth=1)
    assert f"{method} failed" in await town.fail(BOTH)
    await town.deploy(BOTH)
    await town.check()
    await town.deploy(BOTH)
    assert town.calls == {}


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize("method", ["detach_disk", "attach_disk", "delete_vm", "create_vm"])
async def test_a_recreate_that_fails_midway_keeps_the_disk(town: Town, method: str, nth: int) -> None:
    await town.deploy(BOTH)
    (disk,) = town.cloud.inventory.disks
    town.cloud.script.fail(method, town.cloud.refused(method), nth=nth)
    task = await town.attempt("update_deployment", {"deployment": "d", "manifest": BOTH, "recreate": True}, "d")
    assert task.state in ("error", "done")
    town.cloud.script._faults.clear()
    await town.deploy(BOTH)
    await town.check()
    assert list(town.cloud.inventory.disks) == [disk]
    assert (await town.guest("db")).mounted == [disk]


@pytest.mark.parametrize("method", ["mount_disk", "migrate_disk", "apply", "start"])
async def test_a_migration_that_fails_midway_loses_no_data(town: Town, method: str) -> None:
    """The data is on the disk that is mounted in the end: the old one until it was migrated, else one migrated from it."""
    await town.deploy(BOTH)
    town.break_agent(method)
    bigger = manifest(db(persistent_disk_type="large"), group())
    await town.fail(bigger)
    await town.deploy(bigger)
    await town.check()
    guest = await town.guest("db")
    assert [town.cloud.inventory.disks[cid].size for cid in guest.mounted] == [128]
    migrations = [word for word in guest.did if word.startswith("migrate_disk")]
    assert len(migrations) == 1, migrations
    assert "cloud delete_disk" not in town.deeds


async def test_a_canary_that_fails_stops_the_rollout(town: Town) -> None:
    await town.deploy(webs("Hello"))
    for row in await town.rows("web"):
        guest = town.agents.guest(row.agent_id)
        assert guest is not None
        guest.failing = True
    told = await town.fail(webs("Hi"))
    assert "is not running after update" in told
    assert "'web/" in told and "(0)'" in told
    assert town.deeds["agent apply"] == 1, "the canary alone"
    assert [row.dirty for row in await town.rows("web")] == [True, False, False]
    assert "greeting: Hello" in await town.rendered("web", 1)
    for row in await town.rows("web"):
        guest = town.agents.guest(row.agent_id)
        assert guest is not None
        guest.failing = False
    plan = await town.deploy(webs("Hi"))
    assert plan.counts["update"] == 3
    await town.check()


async def test_a_failing_canary_can_be_taken_back(town: Town) -> None:
    """The manifest as it was: the canary alone is touched, being dirty."""
    await town.deploy(webs("Hello"))
    (await town.guest("web")).failing = True
    await town.fail(webs("Hi"))
    (await town.guest("web")).failing = False
    plan = await town.deploy(webs("Hello"))
    assert (plan.counts["update"], plan.counts["unchanged"]) == (1, 3)
    await town.deploy(webs("Hello"))
    assert town.calls == {}


async def silence(town: Town, group: str, index: int = 0) -> InstanceRow:
    row = next(row for row in await town.rows(group) if row.index == index)
    town.agents.silent.add(row.agent_id)
    return row


async def test_a_silent_agent_stops_a_change_by_name_before_anything_is_done(town: Town) -> None:
    await town.deploy(webs("Hello"))
    row = await silence(town, "web", 2)
    told = await town.fail(webs("Hi"))
    assert f"Timed out sending 'get_state' to instance: '{row.name}', agent-id: '{row.agent_id}'" in told
    assert "--fix" in told
    assert town.deeds == {}


async def test_a_silent_agent_does_not_stop_a_change_that_does_not_touch_it(town: Town) -> None:
    await town.deploy(BOTH)
    await silence(town, "db")
    plan = await town.deploy(manifest(db(), group(properties={"greeting": "Hi"})))
    assert plan.counts["update"] == 2


async def test_fix_recreates_silent_agents_even_when_nothing_changed(town: Town) -> None:
    await town.deploy(BOTH)
    (disk,) = town.cloud.inventory.disks
    row = await silence(town, "db")
    plan = await town.deploy(BOTH, fix=True)
    assert (plan.counts["recreate"], plan.counts["unchanged"]) == (1, 2)
    assert (await town.rows("db"))[0].agent_id != row.agent_id
    assert (await town.guest("db")).mounted == [disk]
    await town.check()
    await town.deploy(BOTH, fix=True)
    assert town.deeds == {}, "they are asked, and all answer"


async def test_fix_spares_ignored_instances(town: Town) -> None:
    await town.deploy(BOTH)
    row = await silence(town, "web", 1)
    await town.store.commit(Changes(put=[replace(row, ignore=True)]))
    plan = await town.deploy(manifest(db(), group(properties={"greeting": "Hi"})), fix=True)
    assert (plan.counts["update"], plan.counts["unchanged"]) == (1, 2)


async def test_an_agent_whose_heartbeats_stopped_is_asked_even_when_nothing_changed(town: Town) -> None:
    await town.deploy(BOTH)
    row = await silence(town, "web")
    heard = town.agents.heartbeat

    def stopped(agent_id: str) -> dict[str, object] | None:
        return {"received_at": town.clock.now() - 1000} if agent_id == row.agent_id else heard(agent_id)

    town.agents.heartbeat = stopped  # type: ignore[method-assign]
    assert row.name in await town.fail(BOTH)


async def test_a_vm_that_vanished_from_the_store_is_made_again(town: Town) -> None:
    """As after a cloud check that deleted the reference."""
    await town.deploy(BOTH)
    row = (await town.rows("web"))[0]
    vm = await town.store.get(VmRow, row.agent_id)
    assert vm is not None
    del town.cloud.inventory.vms[vm.cid]
    await town.store.commit(Changes(put=[replace(row, agent_id="")], delete=[(VmRow, vm.key)]))
    plan = await town.deploy(BOTH)
    assert plan.counts["recreate"] == 1
    await town.check()


async def test_ignored_instances_cannot_be_deleted(town: Town) -> None:
    await town.deploy(BOTH)
    row = (await town.rows("web"))[1]
    await town.store.commit(Changes(put=[replace(row, ignore=True)]))
    assert row.name in await town.fail(manifest(db()))
    assert town.calls == {}


async def test_recreate_of_vms_older_than_a_time(town: Town) -> None:
    await town.deploy(BOTH)
    moment = town.clock.now() + 1
    await town.clock.sleep(10)
    await town.deploy(manifest(db(), group(instances=3)))
    plan = await town.deploy(manifest(db(), group(instances=3)), recreate=True, recreate_vms_created_before=moment)
    assert (plan.counts["recreate"], plan.counts["unchanged"]) == (3, 1)
    plan = await town.deploy(
        manifest(db(), group(instances=3, vm_type="large")), recreate=True, recreate_vms_created_before=1
    )
    assert plan.counts["recreate"] == 3, "what has changed is recreated whatever its age"


async def test_skip_drain_of_a_group(town: Town) -> None:
    await town.deploy(BOTH)
    both = manifest(db(properties={"port": 1}), group(properties={"greeting": "Hi"}))
    await town.deploy(both, skip_drain=["web"])
    assert town.deeds["agent drain"] == 1
    scripts = [word for word in (await town.guest("web")).did if "pre-stop" in word]
    assert scripts == []
