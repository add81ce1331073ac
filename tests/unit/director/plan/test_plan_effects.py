"""Every row of the contract's table "Change → Effect": given this world, after this change, exactly these steps (manifest contract §8)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from yard import Yard, causes, cloud, deployment, disk, group, kinds, subnet, unit_words

from director.model.cloud_config import Network
from director.model.rows import InstanceRow
from director.plan.changes import Options

STOP = ["run_script pre-stop", "drain update", "stop", "run_script post-stop"]
SHUT = ["run_script pre-stop", "drain shutdown", "stop", "run_script post-stop"]
START = ["apply", "run_script pre-start", "start", "watch", "run_script post-start", "finish_instance"]
IN_PLACE = ["begin_instance", "prepare", *STOP, *START]
LET_GO = ["unmount_disk", "detach_disk"]
TAKE = ["attach_disk", "mount_disk"]
NEW_VM = ["create_vm", "wait_agent"]


def standing(**more: Any) -> tuple[Yard, InstanceRow, Any]:
    """One instance with a disk, deployed."""
    yard = Yard()
    wanted = deployment(group(**{"disk": disk(), **more}))
    yard.deploy(wanted)
    (row,) = yard.instances.values()
    return yard, row, wanted


def done(yard: Yard, wanted: Any, row: InstanceRow, *options: Any, **more: Any) -> tuple[list[str], list[str]]:
    """What is done to the one instance, and why; nothing else is done but the record and post-deploy."""
    plan = yard.plan(wanted, *options, **more)
    others = {stage.id for stage in plan.stages} - {"create", "save", "post-deploy"}
    assert all(one.startswith("update/") for one in others), others
    words = unit_words(plan, row.id)
    yard.live(plan)
    again = yard.plan(wanted)
    assert again.counts["unchanged"] == 1, "a plan carried out leaves nothing to do"
    assert kinds(again) == {"save": [["save_deployment"]]}
    return words, causes(plan)


def test_a_first_deploy() -> None:
    yard = Yard()
    wanted = deployment(group(disk=disk()))
    plan = yard.plan(wanted)
    assert kinds(plan) == {
        "create": [["begin_instance", "create_vm", "wait_agent"]],
        "update/web/0": [["create_disk", "attach_disk", "mount_disk", *[word.split()[0] for word in START]]],
        "save": [["save_deployment"]],
        "post-deploy": [["run_script"]],
    }
    assert causes(plan) == ["instance: new"]


def test_nothing_changed() -> None:
    yard, _, wanted = standing()
    plan = yard.plan(wanted)
    assert kinds(plan) == {"save": [["save_deployment"]]}
    assert plan.counts == {"create": 0, "update": 0, "recreate": 0, "delete": 0, "unchanged": 1}
    assert plan.agents == ()


def test_a_harmless_input_change_is_recorded_and_restarts_nothing() -> None:
    yard, _, wanted = standing()
    yard.content.ignored_input = "a new release version with the same job"
    plan = yard.deploy(wanted)
    assert kinds(plan) == {"save": [["finish_instance", "save_deployment"]]}
    assert kinds(yard.plan(wanted)) == {"save": [["save_deployment"]]}


def test_tags_alone() -> None:
    yard, row, wanted = standing()
    yard.content.tags = {"team": "blue"}
    assert set(kinds(yard.plan(wanted))) == {"update/web/0", "save"}, "no post-deploy for them"
    assert done(yard, wanted, row) == (["update_tags", "finish_instance"], ["tags.team: blue"])


def test_a_property_is_changed_in_place() -> None:
    yard, row, wanted = standing()
    yard.content.properties = {"greeting": "Hi"}
    assert done(yard, wanted, row) == (IN_PLACE, ["server.properties.greeting: Hello → Hi"])


def test_a_property_and_tags_are_both_told() -> None:
    yard, row, wanted = standing()
    yard.content.properties = {"greeting": "Hi"}
    yard.content.tags = {"team": "blue"}
    words, why = done(yard, wanted, row)
    assert words == ["begin_instance", "prepare", *STOP, "update_tags", *START]
    assert why == ["server.properties.greeting: Hello → Hi", "tags.team: blue"]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("packages", ("base", "ruby"), "packages.ruby: p-ruby"),
        ("packages", (), "packages.base: p-base → removed"),
        ("jobs", ("server", "agent"), "jobs.agent: added"),
        ("jobs", (), "jobs.server: present → removed"),
        ("links", {"db": {"instances": 2, "digest": "1"}}, "server.links.db.instances: 2"),
    ],
)
def test_other_changes_of_what_is_installed_are_made_in_place(field: str, value: Any, why: str) -> None:
    yard, row, wanted = standing()
    setattr(yard.content, field, value)
    words, told = done(yard, wanted, row)
    assert words == IN_PLACE
    assert why in told


RECREATED = ["begin_instance", *SHUT, *LET_GO, "delete_vm", *NEW_VM, *TAKE, *START]


@pytest.mark.parametrize(
    ("field", "value", "why"),
    [
        ("stemcell", "2", "stemcell: s/1 → s/2"),
        ("cloud_properties", {"cpu": 4}, "cloud_properties.cpu: 1 → 4"),
        ("env", {"bosh": {"swap_size": 0}}, "env.bosh.swap_size: 0"),
    ],
)
def test_what_makes_a_vm_another_recreates_it_and_keeps_the_disk(field: str, value: Any, why: str) -> None:
    yard, row, wanted = standing()
    before = dict(yard.disks)
    setattr(yard.content, field, value)
    words, told = done(yard, wanted, row)
    assert (words, told) == (RECREATED, [why])
    assert yard.disks.keys() == before.keys()
    assert all(one.active and one.attached_to in {vm.cid for vm in yard.vms.values()} for one in yard.disks.values())
    assert len(yard.vms) == 1


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dns": ("10.0.0.99",)}, "network.a.dns: ['10.0.0.53'] → ['10.0.0.99']"),
        ({"gateway": "10.0.1.254"}, "network.a.gateway: 10.0.1.1 → 10.0.1.254"),
        ({"cloud_properties": {"name": "br1"}}, "network.a.cloud_properties.name: br1"),
        ({"reserved": (("10.0.1.2", "10.0.1.9"),)}, "network.a.ip: 10.0.1.2 → 10.0.1.10"),
    ],
)
def test_network_settings_recreate(change: dict[str, Any], why: str) -> None:
    yard, row, wanted = standing()
    yard.cloud = cloud(Network("a", "manual", (subnet(1, "z1", **change),)))
    assert done(yard, wanted, row) == (RECREATED, [why])


def test_a_stemcell_is_rolled_out_one_by_one() -> None:
    yard = Yard()
    wanted = deployment(group(instances=3, disk=disk()))
    yard.deploy(wanted)
    yard.content.stemcell = "2"
    plan = yard.plan(wanted)
    stages = [stage for stage in plan.stages if stage.id.startswith("update/")]
    assert [(len(stage.units), stage.width) for stage in stages] == [(1, 1), (2, 1)]
    assert plan.counts["recreate"] == 3


def test_stop_only_stops() -> None:
    yard, row, wanted = standing()
    yard.states[row.id] = "stopped"
    assert done(yard, wanted, row) == (["begin_instance", *SHUT, "finish_instance"], ["state: started → stopped"])


def test_a_stopped_instance_is_changed_without_being_started() -> None:
    yard, row, wanted = standing()
    yard.states[row.id] = "stopped"
    yard.deploy(wanted)
    yard.content.properties = {"greeting": "Hi"}
    words, _ = done(yard, wanted, row)
    assert words == ["begin_instance", "prepare", "apply", "finish_instance"]


def test_stop_together_with_a_change_installs_it() -> None:
    yard, row, wanted = standing()
    yard.states[row.id] = "stopped"
    yard.content.properties = {"greeting": "Hi"}
    words, _ = done(yard, wanted, row)
    assert words == ["begin_instance", "prepare", *SHUT, "apply", "finish_instance"]


def test_start_of_a_stopped_instance_stops_nothing_first() -> None:
    yard, row, wanted = standing()
    yard.states[row.id] = "stopped"
    yard.deploy(wanted)
    yard.states[row.id] = "started"
    assert done(yard, wanted, row) == (["begin_instance", "prepare", *START], ["state: stopped → started"])


def test_a_start_that_failed_stops_what_may_run() -> None:
    yard, row, wanted = standing()
    yard.states[row.id] = "stopped"
    yard.deploy(wanted)
    yard.states[row.id] = "started"
    yard.instances[row.id] = replace(yard.instances[row.id], dirty=True, midstate="applied")
    words, _ = done(yard, wanted, row)
    assert words == IN_PLACE


def test_a_hard_stop_deletes_the_vm_and_keeps_the_disk_and_the_address() -> None:
    yard, row, wanted = standing()
    yard.states[row.id] = "detached"
    words, why = done(yard, wanted, row)
    assert words == ["begin_instance", *SHUT, *LET_GO, "delete_vm", "finish_instance"]
    assert why == ["state: started → detached"]
    assert (yard.vms, len(yard.disks), len(yard.addresses)) == ({}, 1, 1)
    yard.states[row.id] = "started"
    words, why = done(yard, wanted, row)
    assert words == ["begin_instance", *NEW_VM, *TAKE, *START]
    assert why == ["state: detached → started"]


def test_a_detached_instance_follows_changes_in_its_row_alone() -> None:
    yard, row, wanted = standing()
    yard.states[row.id] = "detached"
    yard.deploy(wanted)
    yard.content.properties = {"greeting": "Hi"}
    yard.content.tags = {"team": "blue"}
    plan = yard.deploy(wanted)
    assert kinds(plan) == {"save": [["finish_instance", "save_deployment"]]}
    assert kinds(yard.plan(wanted, Options(recreate=frozenset({"*"})))) == {"save": [["save_deployment"]]}


def test_a_hard_stop_of_a_stopped_instance_stops_nothing_again() -> None:
    yard, row, wanted = standing()
    yard.states[row.id] = "stopped"
    yard.deploy(wanted)
    yard.states[row.id] = "detached"
    words, _ = done(yard, wanted, row)
    assert words == ["begin_instance", *LET_GO, "delete_vm", "finish_instance"]


def test_restart_is_a_full_stop_and_start_in_place() -> None:
    yard, row, wanted = standing()
    assert done(yard, wanted, row, Options(restart=frozenset({row.id}))) == (IN_PLACE, ["restart"])


def test_recreate_of_one_leaves_the_others() -> None:
    yard = Yard()
    wanted = deployment(group(instances=2, disk=disk()))
    yard.deploy(wanted)
    one, other = yard.instances
    plan = yard.plan(wanted, Options(recreate=frozenset({one})))
    assert unit_words(plan, one) == RECREATED
    assert unit_words(plan, other) == []
    assert plan.counts["recreate"] == plan.counts["unchanged"] == 1
    assert yard.plan(wanted, Options(recreate=frozenset({"*"}))).counts["recreate"] == 2


def test_a_dirty_instance_is_updated() -> None:
    yard, row, wanted = standing()
    yard.instances[row.id] = replace(row, dirty=True)
    assert done(yard, wanted, row) == (IN_PLACE, ["dirty"])


def test_a_missing_vm_is_made_again_and_gets_its_disk() -> None:
    yard, row, wanted = standing()
    yard.vms.clear()
    yard.instances[row.id] = replace(row, agent_id="")
    yard.disks = {key: replace(one, attached_to="") for key, one in yard.disks.items()}
    plan = yard.plan(wanted)
    assert plan.counts["recreate"] == 1
    assert done(yard, wanted, row) == (["begin_instance", *NEW_VM, *TAKE, *START], ["vm: missing → present"])


def test_an_unresponsive_agent_is_passed_over_and_its_vm_made_anew() -> None:
    yard, row, wanted = standing()
    plan = yard.plan(wanted, Options(unresponsive=frozenset({row.id})))
    assert unit_words(plan, row.id) == RECREATED
    assert causes(plan) == ["unresponsive agent"]
    told = [step for stage in plan.stages for unit in stage.units if unit.id == row.id for step in unit.steps]
    before = told[: next(number for number, step in enumerate(told) if step.kind == "delete_vm")]
    assert all(step.args["tolerate"] for step in before[1:])
    assert not any(step.args.get("tolerate") for step in told[len(before) :])


def test_a_vm_that_an_interrupted_task_made_and_that_never_spoke_is_made_anew() -> None:
    yard, row, wanted = standing()
    yard.instances[row.id] = replace(row, dirty=True)
    yard.vms = {key: replace(one, ready=False) for key, one in yard.vms.items()}
    plan = yard.plan(wanted)
    assert unit_words(plan, row.id) == RECREATED
    assert causes(plan) == ["dirty", "vm: never answered → present"]


def test_a_hard_stop_passes_over_an_agent_that_does_not_answer() -> None:
    yard, row, wanted = standing()
    yard.states[row.id] = "detached"
    plan = yard.plan(wanted, Options(unresponsive=frozenset({row.id})))
    told = [step for stage in plan.stages for unit in stage.units if unit.id == row.id for step in unit.steps]
    asking = [step for step in told if "tolerate" in step.args]
    assert asking
    assert all(step.args["tolerate"] for step in asking)


def test_skip_drain_skips_pre_stop_and_drain_of_its_groups() -> None:
    yard, row, wanted = standing()
    yard.content.properties = {"greeting": "Hi"}
    other = yard.plan(wanted, Options(skip_drain=frozenset({"db"})))
    assert unit_words(other, row.id) == IN_PLACE
    for names in ({"web"}, {"*"}):
        plan = yard.plan(wanted, Options(skip_drain=frozenset(names)))
        assert unit_words(plan, row.id) == ["begin_instance", "prepare", "stop", "run_script post-stop", *START]


def test_an_ignored_instance_is_not_touched_by_anything() -> None:
    yard, row, wanted = standing()
    yard.instances[row.id] = replace(row, ignore=True, dirty=True)
    yard.content.stemcell = "2"
    everything = frozenset({"*"})
    options = Options(recreate=everything, restart=everything, unresponsive=frozenset({row.id}))
    assert kinds(yard.plan(wanted, options)) == {"save": [["save_deployment"]]}


def test_scripts_are_told_what_becomes_of_vm_and_instance() -> None:
    yard, _, wanted = standing()
    yard.content.properties = {"greeting": "Hi"}

    def env(plan: Any, script: str) -> dict[str, str]:
        steps = [step for stage in plan.stages for unit in stage.units for step in unit.steps]
        return next(step.args["env"] for step in steps if step.args.get("script") == script)

    keep = {"BOSH_VM_NEXT_STATE": "keep", "BOSH_INSTANCE_NEXT_STATE": "keep", "BOSH_DEPLOYMENT_NEXT_STATE": "keep"}
    assert env(yard.plan(wanted), "pre-stop") == keep
    assert env(yard.plan(wanted), "post-stop") == {}
    recreated = yard.plan(wanted, Options(recreate=frozenset({"*"})))
    assert env(recreated, "pre-stop") == {**keep, "BOSH_VM_NEXT_STATE": "delete"}
    gone = yard.plan(deployment(group("other")))
    assert env(gone, "pre-stop") == {
        **keep,
        "BOSH_VM_NEXT_STATE": "delete",
        "BOSH_INSTANCE_NEXT_STATE": "delete",
    }


def test_a_rotated_variable_is_named_and_changes_only_who_uses_it() -> None:
    yard, row, wanted = standing()
    yard.content.properties = {"password": "((db_password))"}
    yard.deploy(wanted, variable_set=1)
    yard.content.links = {"x": {"digest": "moved"}}  # stands for the other hash that the other value gives
    rotated = {1: frozenset({"/director/d/db_password", "/director/d/other"})}
    plan = yard.plan(wanted, variable_set=2, rotated=rotated)
    assert unit_words(plan, row.id) == IN_PLACE
    assert "server.variables.db_password: new value" in causes(plan)
    assert not any("other" in one for one in causes(plan))


@pytest.mark.parametrize("field", ["env", "cloud_properties"])
def test_a_rotated_variable_of_the_vm_recreates_it(field: str) -> None:
    yard, row, wanted = standing()
    setattr(yard.content, field, {"secret": "((/shared))"})
    yard.deploy(wanted, variable_set=1)
    plan = yard.plan(wanted, variable_set=2, rotated={1: frozenset({"/shared"})})
    assert unit_words(plan, row.id) == RECREATED
    assert causes(plan) == [f"{field}.variables./shared: new value"]
    yard.live(plan)
    after = yard.plan(wanted, variable_set=2, rotated={1: frozenset({"/shared"})})
    assert after.counts["unchanged"] == 1


def test_an_untouched_instances_variable_set_is_advanced_in_its_row() -> None:
    yard, row, wanted = standing()
    plan = yard.deploy(wanted, variable_set=5)
    assert kinds(plan) == {"save": [["finish_instance", "save_deployment"]]}
    assert yard.instances[row.id].variable_set == 5
