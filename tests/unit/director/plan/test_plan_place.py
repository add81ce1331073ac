"""Where instances stand: AZs, indexes, bootstrap (manifest contract §7)."""

from __future__ import annotations

from collections import Counter

import pytest
from msgspec.structs import replace
from yard import Yard, cloud, deployment, disk, group, subnet

from director.model.cloud_config import Network
from director.model.errors import BadRequest

ALL = ("z1", "z2", "z3")


def azs(yard: Yard) -> dict[int, str]:
    return {row.index: row.az for row in sorted(yard.instances.values(), key=lambda one: one.index)}


def test_new_instances_are_spread_evenly_and_alphabetically() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=5, azs=("z3", "z1", "z2"))))
    assert azs(yard) == {0: "z1", 1: "z2", 2: "z3", 3: "z1", 4: "z2"}


def test_what_stands_stays_when_an_az_is_added_and_the_new_az_is_filled_first() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2, azs=("z1", "z2"))))
    before = {row.id: row.az for row in yard.instances.values()}
    yard.deploy(deployment(group(instances=3, azs=ALL)))
    assert {row.id: row.az for row in yard.instances.values() if row.id in before} == before
    assert azs(yard) == {0: "z1", 1: "z2", 2: "z3"}


def test_an_instance_without_disk_moves_for_balance() -> None:
    """Two in one AZ, two AZs wanted: one stays, one is made in the other AZ, one is obsolete."""
    yard = Yard()
    yard.deploy(deployment(group(instances=2)))
    kept, gone = sorted(yard.instances, key=lambda one: yard.instances[one].index)
    yard.deploy(deployment(group(instances=2, azs=("z1", "z2"))))
    assert kept in yard.instances
    assert gone not in yard.instances
    # the index of what is still going is not given again
    assert azs(yard) == {0: "z1", 2: "z2"}


def test_an_instance_with_a_disk_stays_in_its_az() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2, disk=disk())))
    before = set(yard.instances)
    yard.deploy(deployment(group(instances=2, azs=("z1", "z2"), disk=disk())))
    assert set(yard.instances) == before
    assert azs(yard) == {0: "z1", 1: "z1"}


def test_an_az_that_is_not_listed_any_more_is_left_even_with_a_disk() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2, azs=("z1", "z2"), disk=disk())))
    yard.deploy(deployment(group(instances=2, azs=("z1",), disk=disk())))
    assert set(azs(yard).values()) == {"z1"}
    assert [one.orphaned_at for one in yard.disks.values()].count(1) == 1


def test_scaling_down_takes_the_highest_index_and_up_again_the_lowest_free() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=3)))
    low = {row.id for row in yard.instances.values() if row.index < 2}
    yard.deploy(deployment(group(instances=2)))
    assert set(yard.instances) == low
    yard.deploy(deployment(group(instances=4)))
    assert sorted(row.index for row in yard.instances.values()) == [0, 1, 2, 3]
    assert low < set(yard.instances)


def test_the_least_filled_az_comes_first_in_scaling_down() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=4, azs=("z1", "z2"))))
    yard.deploy(deployment(group(instances=2, azs=("z1", "z2"))))
    assert Counter(azs(yard).values()) == {"z1": 1, "z2": 1}


def test_there_is_one_bootstrap_instance_and_it_stays() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=3, azs=ALL)))
    boot = [row for row in yard.instances.values() if row.bootstrap]
    assert [row.index for row in boot] == [0]
    yard.deploy(deployment(group(instances=2, azs=("z2", "z3"))))
    now = [row for row in yard.instances.values() if row.bootstrap]
    assert [(row.index, row.az) for row in now] == [(1, "z2")]
    yard.deploy(deployment(group(instances=3, azs=ALL)))
    assert [row.id for row in yard.instances.values() if row.bootstrap] == [now[0].id]
    assert sorted(row.index for row in yard.instances.values()) == [0, 1, 2]


def test_a_group_without_azs_has_one_nameless_az() -> None:
    yard = Yard(cloud=cloud(Network("a", "manual", (subnet(1),)), azs=()))
    yard.deploy(deployment(group(instances=2, azs=())))
    assert azs(yard) == {0: "", 1: ""}


def test_a_migrated_group_keeps_ids_and_gets_the_az_that_the_migration_names() -> None:
    yard = Yard()
    yard.deploy(deployment(group("old", instances=2), group("other", instances=1)))
    for row in yard.instances.values():
        yard.instances[row.id] = replace(row, az="" if row.group == "old" else row.az)
    before = set(yard.instances)
    wanted = group("new", instances=3, migrated_from=(("old", "z1"), ("other", None)))
    plan = yard.deploy(deployment(wanted))
    assert set(yard.instances) == before
    assert plan.counts["delete"] == plan.counts["create"] == 0
    assert {row.group for row in yard.instances.values()} == {"new"}
    assert sorted(row.index for row in yard.instances.values()) == [0, 1, 2]
    assert [row.bootstrap for row in yard.instances.values()].count(True) == 1


def test_own_instances_come_before_migrated_ones() -> None:
    yard = Yard()
    yard.deploy(deployment(group("old", instances=1), group("new", instances=1)))
    own = next(row.id for row in yard.instances.values() if row.group == "new")
    yard.deploy(deployment(group("new", instances=1, migrated_from=(("old", None),))))
    assert set(yard.instances) == {own}


def test_random_placement_breaks_ties_by_the_seed_alone() -> None:
    one = deployment(group(instances=1, azs=ALL), features={"randomize_az_placement": True})
    found = {seed: Yard().place(one, seed).instances[0].az for seed in map(str, range(30))}
    assert set(found.values()) == set(ALL)
    assert found == {seed: Yard().place(one, seed).instances[0].az for seed in found}


def ignoring(yard: Yard, index: int) -> None:
    row = next(row for row in yard.instances.values() if row.index == index)
    yard.instances[row.id] = replace(row, ignore=True)


def test_an_ignored_instance_stays_when_the_group_shrinks() -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2)))
    ignoring(yard, 1)
    yard.deploy(deployment(group(instances=1)))
    assert [(row.index, row.ignore) for row in yard.instances.values()] == [(1, True)]


@pytest.mark.parametrize(
    ("wanted", "code"),
    [
        (group(instances=0), 190021),
        (group("another"), 190021),
        (group(instances=2, azs=("z2",)), 190020),
        (group(instances=1, static=("10.0.1.200",)), 190021),
        (group(instances=2, static=("10.0.1.200", "10.0.1.201")), 190020),
    ],
)
def test_what_would_move_or_delete_an_ignored_instance_is_refused(wanted: object, code: int) -> None:
    yard = Yard()
    yard.deploy(deployment(group(instances=2)))
    ignoring(yard, 0)
    ignoring(yard, 1)
    with pytest.raises(BadRequest) as caught:
        yard.place(deployment(wanted))  # type: ignore[arg-type]
    assert caught.value.code == code
    assert "web/" in caught.value.message
    assert caught.value.remedy
