"""Given this world, after this deploy: these calls and this world."""

from __future__ import annotations

from typing import Any

import pytest

from tests.scenario.town import Town, cloud_config, db, group, manifest

BOTH = manifest()


def hello(greeting: str, **more: Any) -> str:
    return manifest(db(), group(properties={"greeting": greeting}, **more))


async def test_a_first_deploy_compiles_makes_and_starts_everything(town: Town) -> None:
    plan = await town.deploy(BOTH)
    assert plan.counts == {"create": 3, "update": 0, "recreate": 0, "delete": 0, "unchanged": 0}
    assert town.deeds == {
        "agent add_persistent_disk": 1,
        "agent apply": 9,  # each of the six VMs is told its networks first; the three instances then get their jobs
        "agent compile_package_with_signed_url": 3,
        "agent mount_disk": 1,
        "agent run_script": 8,  # pre-start and post-start of three, post-deploy of two webs
        "agent start": 3,
        "agent update_settings": 3,
        "cloud attach_disk": 1,
        "cloud create_disk": 1,
        "cloud create_vm": 6,
        "cloud delete_vm": 3,
        "cloud set_disk_metadata": 1,
        "cloud set_vm_metadata": 6,
    }
    await town.check()
    files = await town.rendered("web")
    assert "greeting: Hello" in files
    assert "db: 10.0.1.2" in files


async def test_an_unchanged_deploy_calls_nobody_and_leaves_the_store_as_it_was(town: Town) -> None:
    await town.deploy(BOTH)
    before = await town.picture()
    plan = await town.deploy(BOTH)
    assert town.calls == {}
    assert plan.counts["unchanged"] == 3
    assert await town.picture() == before


async def test_a_changed_property_touches_only_who_has_it_in_place(town: Town) -> None:
    await town.deploy(BOTH)
    plan = await town.deploy(hello("Hi"))
    assert plan.counts == {"create": 0, "update": 2, "recreate": 0, "delete": 0, "unchanged": 1}
    assert town.deeds == {
        "agent apply": 2,
        "agent drain": 2,
        "agent prepare": 2,
        "agent run_script": 10,  # pre-stop, post-stop, pre-start, post-start, post-deploy
        "agent start": 2,
        "agent stop": 2,
    }
    assert "greeting: Hi" in await town.rendered("web", 1)
    await town.check()


async def test_a_property_of_a_link_changes_provider_and_not_those_who_do_not_read_it(town: Town) -> None:
    await town.deploy(BOTH)
    plan = await town.deploy(manifest(db(properties={"port": 9999}), group()))
    assert plan.counts["update"] == 1, "the web's template does not print the port"
    assert plan.counts["unchanged"] == 2


async def test_another_release_version_recompiles_what_changed_and_what_needs_it(town: Town) -> None:
    await town.deploy(BOTH)
    await town.upload("update_release", "release-2.tgz")
    plan = await town.deploy(BOTH)
    assert town.deeds["agent compile_package_with_signed_url"] == 3, "all depend on the newer base"
    assert plan.counts["update"] == 3
    await town.deploy(BOTH)
    assert town.calls == {}


async def test_reused_compilation_vms_compile_one_package_after_the_other(town: Town) -> None:
    await town.configure(cloud_config(reuse_compilation_vms=True, workers=1))
    await town.deploy(BOTH)
    assert town.deeds["agent compile_package_with_signed_url"] == 3
    assert town.deeds["cloud create_vm"] == 4
    assert town.deeds["cloud delete_vm"] == 1
    await town.check()


async def test_another_stemcell_recreates_and_keeps_the_disk(town: Town) -> None:
    await town.deploy(BOTH)
    (disk,) = town.cloud.inventory.disks
    await town.upload("update_stemcell", "stemcell-2.0.tgz")
    plan = await town.deploy(BOTH)
    assert plan.counts["recreate"] == 3
    assert list(town.cloud.inventory.disks) == [disk]
    assert town.deeds["cloud create_vm"] == 6, "packages are compiled for the new stemcell"
    assert [one.mounted for one in [await town.guest("db")]] == [[disk]]
    await town.check()


async def test_a_state_change_stays_with_what_the_last_deploy_took(town: Town) -> None:
    """A newer stemcell, release and cloud config wait for the next deploy."""
    await town.deploy(BOTH)
    await town.upload("update_stemcell", "stemcell-2.0.tgz")
    await town.upload("update_release", "release-2.tgz")
    plan = await town.change(BOTH, "restart", "web", "0")
    assert plan.counts == {"create": 0, "update": 1, "recreate": 0, "delete": 0, "unchanged": 2}
    assert "cloud create_vm" not in town.deeds


async def test_a_bigger_disk_is_filled_from_the_old_one_which_is_kept(town: Town) -> None:
    await town.deploy(BOTH)
    await town.deploy(manifest(db(persistent_disk_type="large"), group()))
    assert town.deeds["agent migrate_disk"] == 1
    assert sorted(one.size for one in town.cloud.inventory.disks.values()) == [64, 128]
    assert "cloud delete_disk" not in town.deeds
    assert "cloud create_vm" not in town.deeds
    await town.check()


async def test_scaling_up_and_down(town: Town) -> None:
    await town.deploy(BOTH)
    plan = await town.deploy(manifest(db(), group(instances=4)))
    assert (plan.counts["create"], plan.counts["unchanged"]) == (2, 3)
    assert town.deeds["cloud create_vm"] == 2
    await town.check()
    plan = await town.deploy(manifest(db(), group(instances=1)))
    assert (plan.counts["delete"], plan.counts["unchanged"]) == (3, 2)
    assert town.deeds == {
        "agent drain": 3,
        "agent run_script": 7,
        "agent stop": 3,
        "cloud delete_vm": 3,
    }
    await town.check()


async def test_stop_start_detach_restart_and_recreate(town: Town) -> None:
    await town.deploy(BOTH)
    await town.change(BOTH, "stopped", "db")
    assert town.deeds == {"agent drain": 1, "agent run_script": 4, "agent stop": 1}
    await town.deploy(BOTH)
    assert town.calls == {}, "what was stopped stays stopped"
    await town.change(BOTH, "started", "db")
    assert town.deeds == {"agent prepare": 1, "agent apply": 1, "agent run_script": 4, "agent start": 1}
    await town.change(BOTH, "detached", "db")
    assert town.deeds["cloud delete_vm"] == 1
    assert "cloud create_vm" not in town.deeds
    assert len(town.cloud.inventory.vms) == 2
    await town.deploy(BOTH)
    assert town.calls == {}
    await town.change(BOTH, "started", "db")
    assert town.deeds["cloud create_vm"] == town.deeds["cloud attach_disk"] == 1
    await town.check()
    await town.change(BOTH, "recreate", "web", "1")
    assert town.deeds["cloud create_vm"] == town.deeds["cloud delete_vm"] == 1
    await town.check()


@pytest.mark.parametrize(("named", "runs"), [("web", False), ("*", False), ("db", True)])
async def test_a_stop_of_a_group_holds_for_instances_that_it_gets_in_the_same_moment(
    town: Town, named: str, runs: bool
) -> None:
    await town.deploy(BOTH)
    await town.change(manifest(db(), group(instances=3)), "detached", named)
    assert [row.state for row in await town.rows("web")] == (["started"] * 3 if runs else ["detached"] * 3)
    assert ("cloud create_vm" in town.deeds) is runs
    await town.check()


async def test_tags_are_told_to_the_cloud_alone(town: Town) -> None:
    await town.deploy(BOTH)
    await town.deploy(manifest(tags={"team": "blue"}))
    assert town.deeds == {"cloud set_disk_metadata": 1, "cloud set_vm_metadata": 3}
    assert all(vm.metadata["team"] == "blue" for vm in town.cloud.inventory.vms.values())
    await town.deploy(manifest(db(), group(properties={"greeting": "Hi"}), tags={"team": "red"}))
    assert all(vm.metadata["team"] == "red" for vm in town.cloud.inventory.vms.values())


async def test_a_group_that_goes_leaves_its_disk_and_frees_its_addresses(town: Town) -> None:
    await town.deploy(BOTH)
    first = {row.group: row for row in await town.rows()}
    await town.fail(manifest(group()))  # its web consumes what is gone
    assert town.calls == {}
    await town.deploy(manifest(db()))
    await town.check()
    assert [row.group for row in await town.rows()] == ["db"]
    await town.deploy(BOTH)
    now = {row.group: row for row in await town.rows()}
    assert now["web"].id != first["web"].id
    assert now["db"].id == first["db"].id
    await town.check()


async def test_delete_removes_all_and_keeps_the_disk_as_an_orphan(town: Town) -> None:
    await town.deploy(manifest(variables=[{"name": "p", "type": "password"}]))
    await town.do("delete_deployment", {"deployment": "d"}, "d")
    assert town.deeds["cloud delete_vm"] == 3
    assert town.cloud.inventory.vms == {}
    assert len(town.cloud.inventory.disks) == 1
    left = await town.picture()
    assert {name for name, rows in left.items() if rows} <= {
        "configs",
        "releases",
        "stemcells",
        "compiled_packages",
        "disks",
        "settings",
    }
    await town.deploy(BOTH)
    assert town.deeds["cloud create_vm"] == 3, "compiled packages are still there"


async def test_an_errand_runs_on_a_vm_of_its_own_and_nothing_else_is_touched(town: Town) -> None:
    text = manifest(db(), group(), group("smoke", 1, lifecycle="errand"))
    await town.deploy(text)
    smoke = (await town.rows("smoke"))[0]
    assert not smoke.agent_id
    before = list((await town.guest("web")).did)
    await town.do("run_errand", {"deployment": "d", "errand": "smoke"}, "d")
    assert town.deeds["agent run_errand"] == 1
    assert town.deeds["cloud create_vm"] == town.deeds["cloud delete_vm"] == 1
    assert (await town.guest("web")).did == before
    assert [row.id for row in await town.rows("smoke")] == [smoke.id]
    await town.check()
    await town.deploy(text)
    assert town.calls == {}


async def test_static_addresses_over_azs(town: Town) -> None:
    static = [{"name": "default", "static_ips": ["10.0.2.200", "10.0.1.200"]}]
    text = manifest(db(), group(instances=2, azs=["z1", "z2"], networks=static))
    await town.deploy(text)
    where = {row.az: row.applied.vm.networks["default"]["ip"] for row in await town.rows("web") if row.applied}
    assert where == {"z1": "10.0.1.200", "z2": "10.0.2.200"}
    await town.deploy(text)
    assert town.calls == {}
    await town.check()


async def test_a_manifests_recreate_state_is_obeyed_at_every_deploy(town: Town) -> None:
    await town.deploy(BOTH)
    plan = await town.deploy(manifest(db(), group(state="recreate")))
    assert plan.counts["recreate"] == 2


async def test_vm_resources_are_asked_for_once_and_remembered(town: Town) -> None:
    resources = {"vm_resources": {"cpu": 2, "ram": 2048, "ephemeral_disk_size": 4096}}
    sized = {key: value for key, value in group().items() if key != "vm_type"} | resources
    text = manifest(db(), sized)
    await town.deploy(text)
    assert town.calls["cloud calculate_vm_cloud_properties"] == 1
    await town.deploy(text)
    assert town.calls == {}


async def test_compilation_vms_have_the_size_that_their_resources_ask_for(town: Town) -> None:
    config = cloud_config(vm_resources={"cpu": 2, "ram": 2048, "ephemeral_disk_size": 4096})
    del config["compilation"]["vm_type"]
    await town.configure(config)
    plan = await town.deploy(BOTH)
    made = [
        step.args["vm"]["cloud_properties"]
        for stage in plan.stages
        if stage.id == "compile"
        for unit in stage.units
        for step in unit.steps
        if step.kind == "create_vm"
    ]
    assert made == [{"zone": 1, "cpu": 2, "ram": 2048, "ephemeral_disk_size": 4096}] * 3
