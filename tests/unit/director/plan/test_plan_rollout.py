"""Canaries, width and the order of AZs (manifest contract §1.4, §8)."""

from __future__ import annotations

import pytest
from msgspec.structs import replace
from yard import Yard, deployment, group

from director.model.deployment import InstanceGroup, UpdatePolicy
from director.model.errors import BadRequest
from director.model.plan import Plan
from director.plan.rollout import count, split


@pytest.mark.parametrize(
    ("value", "of", "least", "expected"),
    [
        (2, 5, 0, 2),
        (9, 5, 0, 5),
        (0, 5, 0, 0),
        (0, 5, 1, 1),
        ("50%", 5, 0, 2),
        ("10%", 5, 0, 0),
        ("10%", 5, 1, 1),
        ("100%", 5, 1, 5),
        ("3", 5, 1, 3),
        ("250%", 4, 1, 4),
    ],
)
def test_counts_are_floored_and_capped(value: int | str, of: int, least: int, expected: int) -> None:
    assert count(value, of, least=least, name="canaries") == expected


@pytest.mark.parametrize("value", ["half", "%", "-1%", "1.5", ""])
def test_a_count_that_is_none_is_refused_by_name(value: str) -> None:
    with pytest.raises(BadRequest, match="max_in_flight"):
        count(value, 3, least=1, name="max_in_flight")


def waves(policy: UpdatePolicy, azs: str, *, first: bool = False) -> list[tuple[str, int, bool, int]]:
    changed = [(str(number), az) for number, az in enumerate(azs)]
    return [(az, width, canary, len(ids)) for az, width, canary, ids in split(changed, policy, first_deploy=first)]


def test_canaries_are_of_the_first_az_with_changes_alone() -> None:
    policy = UpdatePolicy(canaries=2, max_in_flight=10)
    assert waves(policy, "bba") == [("b", 2, True, 2), ("a", 1, False, 1)]
    assert waves(policy, "abab") == [("a", 2, True, 2), ("b", 2, False, 2)]
    assert waves(policy, "aaab") == [("a", 3, True, 2), ("a", 3, False, 1), ("b", 1, False, 1)]


def test_canaries_run_in_the_same_pool_size() -> None:
    assert waves(UpdatePolicy(canaries=3, max_in_flight=2), "aaaa") == [("a", 2, True, 3), ("a", 2, False, 1)]


def test_percentages_are_of_the_changed_instances_of_the_az() -> None:
    policy = UpdatePolicy(canaries="50%", max_in_flight="50%")
    assert waves(policy, "aaaabb") == [("a", 2, True, 2), ("a", 2, False, 2), ("b", 1, False, 2)]


def test_no_canaries() -> None:
    assert waves(UpdatePolicy(canaries=0, max_in_flight=3), "aab") == [("a", 2, False, 2), ("b", 1, False, 1)]


def test_a_parallel_first_deploy_takes_all_azs_together() -> None:
    policy = UpdatePolicy(canaries=1, max_in_flight="50%", initial_deploy_az_update_strategy="parallel")
    assert waves(policy, "abcd", first=True) == [("", 2, True, 1), ("", 2, False, 3)]
    assert len(waves(policy, "abcd")) == 4, "only the first deploy"


def rolling(instances: int, **policy: object) -> InstanceGroup:
    one = group(instances=instances, azs=("z1", "z2"))
    return replace(one, update=UpdatePolicy(**policy))  # type: ignore[arg-type]


def shape(plan: Plan) -> list[tuple[str, int, int]]:
    return [(stage.id, stage.width, len(stage.units)) for stage in plan.stages if stage.id.startswith("update/")]


def test_waves_become_stages_one_after_the_other_with_their_watch_times() -> None:
    yard = Yard()
    wanted = deployment(rolling(6, canaries=1, max_in_flight=2, canary_watch_time=(1, 2), update_watch_time=(None, 9)))
    yard.deploy(wanted)
    yard.content.properties = {"greeting": "Hi"}
    plan = yard.plan(wanted)
    assert shape(plan) == [("update/web/0", 2, 1), ("update/web/1", 2, 2), ("update/web/2", 2, 3)]
    chain = [stage for stage in plan.stages if stage.id.startswith("update/")]
    assert [stage.needs for stage in chain] == [(), ("update/web/0",), ("update/web/1",)]
    watched = {
        stage.id: {
            (step.args["low"], step.args["high"]) for unit in stage.units for step in unit.steps if step.kind == "watch"
        }
        for stage in chain
    }
    assert watched == {"update/web/0": {(1, 2)}, "update/web/1": {(None, 9)}, "update/web/2": {(None, 9)}}
    assert [unit.task.endswith("(canary)") for stage in chain for unit in stage.units] == [True] + [False] * 5
    assert {stage.title for stage in chain} == {"Updating instance"}
    assert {stage.tags for stage in chain} == {("web",)}


def test_an_az_without_changes_gets_no_canary() -> None:
    yard = Yard()
    wanted = deployment(rolling(4, canaries=1, max_in_flight=5))
    yard.deploy(wanted)
    dirty = [row for row in yard.instances.values() if row.az == "z2"]
    for row in dirty:
        yard.instances[row.id] = replace(row, dirty=True)
    plan = yard.plan(wanted)
    assert shape(plan) == [("update/web/0", 2, 1), ("update/web/1", 2, 1)]
    assert [unit.id for stage in plan.stages if stage.id == "update/web/0" for unit in stage.units] == [dirty[0].id]
