"""Persistent disks: made, migrated, orphaned (manifest contract §9)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from yard import Yard, causes, deployment, disk, group, kinds, unit_words

from director.model.deployment import DiskWanted
from director.model.rows import DiskRow, VmRow
from director.plan.changes import Options

SHUT = ["run_script pre-stop", "drain shutdown", "stop", "run_script post-stop"]
START = ["apply", "run_script pre-start", "start", "watch", "run_script post-start", "finish_instance"]
MIGRATE = ["create_disk", "attach_disk", "mount_disk migrate", "detach_disk", "orphan_disk"]


def standing(size: DiskWanted | None) -> tuple[Yard, str]:
    yard = Yard()
    yard.deploy(deployment(group(disk=size)))
    return yard, next(iter(yard.instances))


def disks(yard: Yard) -> list[tuple[int, str]]:
    def state(one: DiskRow) -> str:
        return "orphan" if one.orphaned_at else "active" if one.active and one.attached_to else "loose"

    return sorted((one.size, state(one)) for one in yard.disks.values())


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        (disk(2048), "persistent_disk: 1024 MiB → 2048 MiB"),
        (disk(512), "persistent_disk: 1024 MiB → 512 MiB"),
        (disk(1024, type="ssd"), "persistent_disk.cloud_properties.type: ssd"),
    ],
)
def test_another_disk_is_made_filled_and_takes_the_place_of_the_old(wanted: DiskWanted, why: str) -> None:
    yard, id = standing(disk(1024))
    plan = yard.deploy(deployment(group(disk=wanted)))
    assert unit_words(plan, id) == ["begin_instance", "prepare", *SHUT, *MIGRATE, *START]
    assert causes(plan) == [why]
    assert sorted(disks(yard)) == sorted([(1024, "orphan"), (wanted.size, "active")])
    assert yard.plan(deployment(group(disk=wanted))).counts["unchanged"] == 1


def test_a_first_disk_is_made_in_place_and_drained_for_as_a_shutdown() -> None:
    yard, id = standing(None)
    plan = yard.deploy(deployment(group(disk=disk())))
    made = ["create_disk", "attach_disk", "mount_disk"]
    assert unit_words(plan, id) == ["begin_instance", "prepare", *SHUT, *made, *START]
    assert causes(plan) == ["persistent_disk: none → 1024 MiB"]


def test_a_disk_that_is_not_wanted_any_more_is_orphaned() -> None:
    yard, id = standing(disk())
    plan = yard.deploy(deployment(group()))
    gone = ["unmount_disk", "detach_disk", "orphan_disk"]
    assert unit_words(plan, id) == ["begin_instance", "prepare", *SHUT, *gone, *START]
    assert causes(plan) == ["persistent_disk: 1024 MiB → none"]
    assert disks(yard) == [(1024, "orphan")]
    assert yard.plan(deployment(group())).counts["unchanged"] == 1


def test_a_disk_types_name_alone_moves_no_data() -> None:
    yard, _ = standing(DiskWanted(1024, "small"))
    plan = yard.deploy(deployment(group(disk=DiskWanted(1024, "tiny"))))
    assert kinds(plan) == {"save": [["finish_instance", "save_deployment"]]}


def test_recreate_persistent_disks_makes_every_disk_anew() -> None:
    yard, id = standing(disk())
    plan = yard.deploy(deployment(group(disk=disk())), Options(recreate_persistent_disks=True))
    assert unit_words(plan, id) == ["begin_instance", "prepare", *SHUT, *MIGRATE, *START]
    assert causes(plan) == ["recreate_persistent_disks"]
    assert disks(yard) == [(1024, "active"), (1024, "orphan")]
    none, _ = standing(None)
    assert none.plan(deployment(group()), Options(recreate_persistent_disks=True)).counts["unchanged"] == 1


def test_another_disk_with_another_vm_moves_the_old_one_over_first() -> None:
    yard, id = standing(disk())
    yard.content.stemcell = "2"
    plan = yard.deploy(deployment(group(disk=disk(2048))))
    assert unit_words(plan, id) == [
        "begin_instance",
        *SHUT,
        "unmount_disk",
        "detach_disk",
        "delete_vm",
        "create_vm",
        "wait_agent",
        "attach_disk",
        "mount_disk",
        *MIGRATE,
        *START,
    ]
    assert disks(yard) == [(1024, "orphan"), (2048, "active")]


def test_a_disk_removed_with_another_vm_is_not_attached_again() -> None:
    yard, id = standing(disk())
    yard.content.stemcell = "2"
    plan = yard.deploy(deployment(group()))
    assert unit_words(plan, id) == [
        "begin_instance",
        *SHUT,
        "unmount_disk",
        "detach_disk",
        "delete_vm",
        "create_vm",
        "wait_agent",
        "orphan_disk",
        *START,
    ]


@pytest.mark.parametrize("wanted", [group(instances=1, disk=disk()), group("other"), group(azs=("z2",), disk=disk())])
def test_who_goes_leaves_an_orphan(wanted: Any) -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2, disk=disk())))
    rows = {row.id: row.index for row in yard.instances.values()}
    plan = yard.deploy(deployment(wanted))
    gone = [id for id in rows if id not in yard.instances]
    for id in gone:
        assert unit_words(plan, id) == [
            *SHUT,
            "unmount_disk",
            "detach_disk",
            "delete_vm",
            "orphan_disk",
            "delete_instance",
        ]
    orphans = [one for one in yard.disks.values() if one.orphaned_at]
    assert len(orphans) == len(gone) > 0
    assert not {row.owner for row in yard.addresses.values()} & set(gone)


def test_a_detached_instance_that_goes_has_nothing_to_stop() -> None:
    yard, id = standing(disk())
    yard.states[id] = "detached"
    yard.deploy(deployment(group(disk=disk())))
    plan = yard.deploy(deployment(group("other")))
    assert unit_words(plan, id) == ["orphan_disk", "delete_instance"]


def test_a_disk_changed_while_detached_is_made_at_the_next_start() -> None:
    yard, id = standing(disk(1024))
    yard.states[id] = "detached"
    yard.deploy(deployment(group(disk=disk(1024))))
    plan = yard.deploy(deployment(group(disk=disk(2048))))
    assert kinds(plan) == {"save": [["finish_instance", "save_deployment"]]}
    yard.states[id] = "started"
    plan = yard.deploy(deployment(group(disk=disk(2048))))
    assert unit_words(plan, id)[3:] == ["attach_disk", "mount_disk", *MIGRATE, *START]


def test_a_disk_that_vanished_from_the_store_is_made_again() -> None:
    yard, id = standing(disk())
    yard.disks.clear()
    plan = yard.plan(deployment(group(disk=disk())))
    assert "create_disk" in unit_words(plan, id)
    assert causes(plan) == ["persistent_disk: missing → present"]


def test_disks_that_an_unfinished_task_left_are_taken_away_first() -> None:
    """One never confirmed is deleted; one that stands beside the active disk is orphaned, being perhaps half filled."""
    yard, id = standing(disk())
    vm = next(iter(yard.vms.values()))
    new = DiskRow(object_key="new", deployment="d", instance_id=id, cid="disk-new", size=2048, attached_to=vm.cid)
    yard.disks["new"] = new
    yard.disks["unborn"] = replace(new, object_key="unborn", cid="", attached_to="")
    plan = yard.deploy(deployment(group(disk=disk(2048))))
    assert kinds(plan)["leftover"] == [["unmount_disk", "detach_disk", "orphan_disk"], ["delete_disk"]]
    assert all("leftover" in stage.needs for stage in plan.stages if stage.id.startswith("update/"))
    assert disks(yard) == [(1024, "orphan"), (2048, "active"), (2048, "orphan")]


def test_vms_that_an_unfinished_task_left_are_deleted() -> None:
    yard, _ = standing(None)
    for purpose in ("instance", "compilation"):
        yard.vms[purpose] = VmRow(agent_id=purpose, object_key=purpose, deployment="d", cid=purpose, purpose=purpose)
    plan = yard.deploy(deployment(group()))
    assert kinds(plan) == {"leftover": [["delete_vm"], ["delete_vm"]], "save": [["save_deployment"]]}
    assert [unit.steps[0].args["release"] for unit in plan.stages[0].units] == [False, True]
    assert plan.counts["unchanged"] == 1
    assert len(yard.vms) == 1


def test_an_orphaned_vm_is_not_a_leftover() -> None:
    yard, _ = standing(None)
    yard.vms["x"] = VmRow(agent_id="x", object_key="x", deployment="d", cid="x", orphaned_at=1)
    assert kinds(yard.plan(deployment(group()))) == {"save": [["save_deployment"]]}


@pytest.mark.parametrize("steps", range(1, 12))
def test_a_first_update_cut_short_is_begun_again_with_the_same_vm_if_that_speaks(steps: int) -> None:
    yard = Yard()
    wanted = deployment(group(disk=disk()))
    yard.live(yard.plan(wanted), steps)
    (row,) = yard.instances.values()
    vm = yard.vms.get(row.agent_id)
    plan = yard.plan(wanted)
    words = unit_words(plan, row.id)
    assert "drain update" not in words
    assert ("create_vm" in words) == (vm is None or not vm.ready)
    assert ("delete_vm" in words) == (vm is not None and not vm.ready)
    yard.live(plan)
    assert yard.plan(wanted).counts["unchanged"] == 1
    assert disks(yard) == [(1024, "active")]


def test_a_first_update_cut_short_is_begun_anew_when_another_vm_is_wanted_meanwhile() -> None:
    yard = Yard()
    wanted = deployment(group())
    yard.live(yard.plan(wanted), 4)
    (row,) = yard.instances.values()
    yard.content.env = {"bosh": {"swap_size": 1}}
    assert {"delete_vm", "create_vm"} <= set(unit_words(yard.plan(wanted), row.id))
    yard.content.env = {}
    asked = Options(recreate=frozenset({"*"}))
    assert {"delete_vm", "create_vm"} <= set(unit_words(yard.plan(wanted, asked), row.id))


def test_a_disk_that_an_unfinished_task_unmounted_is_mounted_again() -> None:
    """The store says attached and active; the agent says that it is not mounted, and may have forgotten where it is."""
    yard, id = standing(disk())
    yard.instances[id] = replace(yard.instances[id], dirty=True)
    plan = yard.plan(deployment(group(disk=disk())), Options(unmounted=frozenset({id})))
    words = unit_words(plan, id)
    assert words[6:9] == ["detach_disk", "attach_disk", "mount_disk"]
    assert words[:6] == [
        "begin_instance",
        "prepare",
        "run_script pre-stop",
        "drain update",
        "stop",
        "run_script post-stop",
    ]
    mounted = yard.plan(deployment(group(disk=disk())))
    assert not [word for word in unit_words(mounted, id) if "disk" in word], "the usual case calls no cloud"
