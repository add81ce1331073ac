"""The order of stages: what is deleted, created and updated when (manifest contract §8)."""

from __future__ import annotations

from msgspec.structs import replace
from yard import Yard, deployment, group, kinds, steps_of

from director.model.deployment import InstanceGroup
from director.model.plan import Plan
from director.plan.changes import Options


def parallel(name: str) -> InstanceGroup:
    one = group(name)
    return replace(one, update=replace(one.update, serial=False))


def needs(plan: Plan) -> dict[str, tuple[str, ...]]:
    return {stage.id: stage.needs for stage in plan.stages}


def changed(*groups: InstanceGroup) -> Plan:
    yard = Yard()
    yard.deploy(deployment(*groups))
    yard.content.properties = {"greeting": "Hi"}
    return yard.plan(deployment(*groups))


def test_a_first_deploy_creates_all_vms_at_once_and_then_updates_group_by_group() -> None:
    plan = Yard().plan(deployment(group("db"), group("web", instances=2)), Options(width=7))
    assert [stage.id for stage in plan.stages] == [
        "create",
        "update/db/0",
        "update/web/0",
        "update/web/1",
        "save",
        "post-deploy",
    ]
    create = plan.stages[0]
    assert (create.title, create.width, len(create.units)) == ("Creating missing vms", 7, 3)
    assert needs(plan)["update/db/0"] == ("create",)
    assert needs(plan)["update/web/0"] == ("update/db/0",)
    assert needs(plan)["post-deploy"] == ("save",)
    assert plan.counts == {"create": 3, "update": 0, "recreate": 0, "delete": 0, "unchanged": 0}
    made = [step.args["agent_id"] for step in steps_of(plan) if step.kind == "create_vm"]
    assert list(plan.agents) == made


def test_neighbouring_parallel_groups_form_a_batch_between_serial_ones() -> None:
    plan = changed(group("a"), parallel("b"), parallel("c"), group("d"), parallel("e"))
    found = needs(plan)
    assert found["update/a/0"] == ()
    assert found["update/b/0"] == found["update/c/0"] == ("update/a/0",)
    assert found["update/d/0"] == ("update/b/0", "update/c/0")
    assert found["update/e/0"] == ("update/d/0",)


def test_a_serial_group_divides_batches_even_when_nothing_changes_in_it() -> None:
    yard = Yard()
    groups = (parallel("b"), group("quiet"), parallel("c"))
    yard.deploy(deployment(*groups))
    for row in list(yard.instances.values()):
        if row.group != "quiet":
            yard.instances[row.id] = replace(row, dirty=True)
    found = needs(yard.plan(deployment(*groups)))
    assert found["update/c/0"] == ("update/b/0",)


def test_groups_that_go_are_deleted_before_anything_is_made() -> None:
    yard = Yard()
    yard.deploy(deployment(group("old", instances=2), group("web")))
    plan = yard.plan(deployment(group("new"), group("web")), Options(width=9))
    assert [stage.id for stage in plan.stages][:3] == ["delete", "create", "update/new/0"]
    gone = plan.stages[0]
    assert (gone.title, gone.width, len(gone.units), gone.tags) == ("Deleting unneeded instances", 9, 2, ())
    assert needs(plan)["create"] == ("delete",)
    assert plan.counts["delete"] == 2


def test_surplus_goes_when_its_group_has_its_turn_by_max_in_flight() -> None:
    yard = Yard()
    yard.deploy(deployment(group("db"), group("web", instances=5)))
    yard.content.properties = {"greeting": "Hi"}
    web = group("web", instances=2)
    plan = yard.plan(deployment(group("db"), replace(web, update=replace(web.update, max_in_flight=2))))
    assert [stage.id for stage in plan.stages] == [
        "update/db/0",
        "delete/web",
        "update/web/0",
        "update/web/1",
        "save",
        "post-deploy",
    ]
    gone = plan.stages[1]
    assert (gone.width, len(gone.units), gone.tags, gone.needs) == (2, 3, ("web",), ("update/db/0",))
    assert needs(plan)["update/web/0"] == ("delete/web",)


def test_scaling_down_alone_runs_post_deploy_on_what_stays() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=3)))
    plan = yard.plan(deployment(group(instances=2)))
    assert [stage.id for stage in plan.stages] == ["delete/web", "save", "post-deploy"]
    assert len(kinds(plan)["post-deploy"]) == 2


def test_post_deploy_runs_where_there_is_one_and_the_instance_is_started_and_not_ignored() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=4)))
    rows = sorted(yard.instances.values(), key=lambda row: row.index)
    yard.instances[rows[0].id] = replace(rows[0], ignore=True)
    yard.states[rows[1].id] = "stopped"
    yard.states[rows[2].id] = "detached"
    plan = yard.deploy(deployment(group(instances=4)))
    assert [unit.id for stage in plan.stages if stage.id == "post-deploy" for unit in stage.units] == [
        f"post-deploy/{rows[3].id}"
    ]
    yard.content.scripts = ()
    yard.content.properties = {"greeting": "Hi"}
    assert "post-deploy" not in kinds(yard.plan(deployment(group(instances=4))))


def test_errand_groups_have_no_vm_until_they_run() -> None:
    yard = Yard()
    wanted = deployment(group("web"), group("smoke", lifecycle="errand"))
    plan = yard.deploy(wanted)
    assert [row.group for row in yard.instances.values() if row.agent_id] == ["web"]
    assert plan.counts["create"] == 1
    (errand,) = [row for row in yard.instances.values() if row.group == "smoke"]
    assert not errand.dirty
    again = yard.deploy(wanted)
    assert kinds(again) == {"save": [["save_deployment"]]}
    run = yard.deploy(wanted, Options(only=frozenset({"smoke"})))
    assert [stage.id for stage in run.stages] == ["create", "update/smoke/0", "save"]
    assert yard.instances[errand.id].agent_id, "the errand runs on the instance that the deploy told of"
    assert run.counts["create"] == 1


def test_a_kept_errand_vm_is_kept_up_to_date() -> None:
    yard = Yard()
    wanted = deployment(group("smoke", lifecycle="errand"))
    yard.deploy(wanted)
    yard.deploy(wanted, Options(only=frozenset({"smoke"})))
    yard.content.properties = {"greeting": "Hi"}
    assert yard.plan(wanted).counts["update"] == 1


def test_an_errands_run_leaves_other_groups_alone() -> None:
    yard = Yard()
    wanted = deployment(group("web"), group("smoke", lifecycle="errand"))
    yard.deploy(wanted)
    yard.content.properties = {"greeting": "Hi"}
    plan = yard.plan(wanted, Options(only=frozenset({"smoke"})))
    assert plan.counts == {"create": 1, "update": 0, "recreate": 0, "delete": 0, "unchanged": 1}
    assert not [stage for stage in plan.stages if stage.id.startswith(("update/web", "post-deploy"))]
