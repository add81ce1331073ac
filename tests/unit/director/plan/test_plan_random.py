"""What holds of every plan, over random deployments, changes and interruptions."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from yard import Content, Yard, cloud, deployment, disk, group, kinds, same, steps_of, subnet

from director.engine.order import Order
from director.model.cloud_config import Network
from director.model.deployment import Deployment, GroupNetwork, InstanceGroup, UpdatePolicy
from director.model.plan import Plan
from director.plan.changes import Options
from director.plan.diff import diff
from director.plan.ids import Ids

SETTINGS = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])

AZS = ("z1", "z2", "z3")
NETWORKS = (
    Network("a", "manual", tuple(subnet(number + 1, az) for number, az in enumerate(AZS))),
    Network("b", "manual", (subnet(9, *AZS),)),
)
COUNTS = st.one_of(st.integers(0, 4), st.sampled_from(["0%", "10%", "50%", "100%"]))


@st.composite
def groups(draw: st.DrawFn, name: str) -> InstanceGroup:
    instances = draw(st.integers(0, 5))
    azs = tuple(draw(st.lists(st.sampled_from(AZS), min_size=1, max_size=3, unique=True)))
    networks: list[GroupNetwork] = [GroupNetwork("a", (), ("dns", "gateway"))]
    if draw(st.booleans()):
        # each group has static addresses of its own
        base = 200 + 7 * "pqr".index(name)
        static = tuple(f"10.0.9.{base + number}" for number in range(instances))
        networks.append(GroupNetwork("b", static if draw(st.booleans()) else ()))
    policy = UpdatePolicy(
        canaries=draw(COUNTS),
        max_in_flight=draw(COUNTS),
        serial=draw(st.booleans()),
        initial_deploy_az_update_strategy=draw(st.sampled_from(["serial", "parallel"])),
    )
    return group(
        name,
        instances=instances,
        azs=azs,
        networks=tuple(networks),
        disk=draw(st.sampled_from([None, disk(1), disk(2)])),
        update=policy,
        lifecycle=draw(st.sampled_from(["service", "service", "service", "errand"])),
        state=draw(st.sampled_from(["started", "started", "stopped", "detached"])),
    )


@st.composite
def manifests(draw: st.DrawFn) -> Deployment:
    names = draw(st.permutations("pqr"))[: draw(st.integers(1, 3))]
    return deployment(*(draw(groups(name)) for name in names))


CONTENTS = st.builds(
    Content,
    stemcell=st.sampled_from("12"),
    cloud_properties=st.sampled_from([{}, {"cpu": 1}]),
    properties=st.sampled_from([{"x": 1}, {"x": 2}]),
    packages=st.sampled_from([(), ("p",)]),
    jobs=st.sampled_from([(), ("j",), ("j", "k")]),
    ignored_input=st.sampled_from(["", "moved"]),
    tags=st.sampled_from([{}, {"t": "1"}]),
)
EVERYTHING = frozenset({"*"})
OPTIONS = st.builds(
    Options,
    recreate=st.sampled_from([frozenset[str](), EVERYTHING]),
    restart=st.sampled_from([frozenset[str](), EVERYTHING]),
    recreate_persistent_disks=st.booleans(),
    skip_drain=st.sampled_from([frozenset[str](), EVERYTHING]),
    width=st.integers(1, 5),
)
STORY = st.lists(st.tuples(manifests(), CONTENTS, OPTIONS), min_size=1, max_size=3)


def new_yard() -> Yard:
    return Yard(cloud=cloud(*NETWORKS))


def check_plan(yard: Yard, one: Deployment, plan: Plan) -> None:
    Order(plan)  # ids are unique, needs are known, no circles
    placement = yard.place(one)
    assert sum(plan.counts.values()) == len(placement.instances) + plan.counts["delete"]
    owners = Counter(address for placed in placement.instances for address in placed.addresses.values())
    assert max(owners.values(), default=1) == 1, "two instances with one address"
    made = Counter(step.args["agent_id"] for step in steps_of(plan) if step.kind == "create_vm")
    assert max(made.values(), default=1) == 1
    assert sorted(plan.agents) == sorted(made)
    for each in one.instance_groups:
        waves = [stage for stage in plan.stages if stage.id.startswith(f"update/{each.name}/")]
        units = [unit for stage in waves for unit in stage.units]
        canaries = [unit for unit in units if unit.task.endswith("(canary)")]
        azs = {placed.id: placed.az for placed in placement.instances if placed.group == each.name}
        by_az = Counter(azs.get(unit.id) for unit in units)
        together = not yard.deployed and each.update.initial_deploy_az_update_strategy == "parallel"
        first = azs.get(units[0].id) if units else None
        assert len(canaries) <= (len(units) if together else by_az[first])
        assert together or {azs[unit.id] for unit in canaries} <= {first}
        assert all(1 <= stage.width <= max(1, len(units)) for stage in waves)


def check_end(yard: Yard, one: Deployment) -> None:
    """After a plan was carried out: the world is what was wanted, and nothing is over."""
    rows = yard.instances.values()
    assert Counter(row.group for row in rows) == Counter(
        {each.name: each.instances for each in one.instance_groups if each.instances}
    )
    for name in {row.group for row in rows}:
        mine = [row for row in rows if row.group == name]
        assert len({row.index for row in mine}) == len(mine)
        assert sum(row.bootstrap for row in mine) == 1
    assert {row.agent_id for row in rows if row.agent_id} == set(yard.vms)
    assert not any(row.dirty for row in rows)
    kept = [each for each in yard.disks.values() if each.orphaned_at is None]
    wanted = {row.id for row in rows if row.applied and row.applied.disk}
    assert len(kept) == len({each.instance_id for each in kept})
    assert {each.instance_id for each in kept} <= wanted
    for each in kept:
        row = yard.instances[each.instance_id]
        assert bool(each.attached_to) == bool(row.agent_id)
    if not _may_rebalance(yard, one):
        assert kinds(yard.plan(one)) == {"save": [["save_deployment"]]}, "planned again, there is nothing to do"


def _may_rebalance(yard: Yard, one: Deployment) -> bool:
    """A disk holds its instance in its AZ until it is gone: the deploy after the one that takes it away may spread the group anew."""
    bare = {each.name for each in one.instance_groups if each.disk is None}
    orphans = {each.instance_name.partition("/")[0] for each in yard.disks.values() if each.orphaned_at}
    return bool(bare & orphans)


@SETTINGS
@given(STORY)
def test_every_plan_leads_to_what_was_wanted_and_then_there_is_nothing_to_do(story: Any) -> None:
    yard = new_yard()
    for one, content, options in story:
        yard.content = content
        plan = yard.plan(one, options)
        check_plan(yard, one, plan)
        yard.live(plan)
        check_end(yard, one)


@SETTINGS
@given(STORY, st.randoms(use_true_random=False))
def test_whatever_was_interrupted_the_next_deploy_heals_it(story: Any, dice: random.Random) -> None:
    yard = new_yard()
    for one, content, options in story:
        yard.content = content
        for _ in range(dice.randint(0, 2)):
            plan = yard.plan(one, options)
            yard.live(plan, dice.randint(0, len(steps_of(plan))))
        healing = yard.plan(one)
        check_plan(yard, one, healing)
        yard.live(healing)
        check_end(yard, one)


@SETTINGS
@given(STORY)
def test_the_same_seed_gives_the_same_plan(story: Any) -> None:
    yard = new_yard()
    for one, content, options in story:
        yard.content = content
        plans: list[Plan] = []
        for _ in range(2):
            ids = Ids("the same")
            placement = yard.place(one, "the same")
            plans.append(diff(yard.wanted(one, placement), yard.world, options, ids, list(yard.addresses)))
        assert same(*plans)
        yard.deploy(one, options)


@SETTINGS
@given(STORY)
def test_ignored_instances_are_in_no_step(story: Any) -> None:
    """Unless the change is refused, which names the instance."""
    yard = new_yard()
    one, yard.content, options = story[0]
    yard.deploy(one)
    ignored = {row.id for row in yard.instances.values() if row.index == 0}
    for id in ignored:
        yard.instances[id] = replace(yard.instances[id], ignore=True)
    _, yard.content, _ = story[-1]
    plan = yard.plan(one, options)
    for step in steps_of(plan):
        told = step.args.get("instance_id") or (step.args.get("spec") or {}).get("id")
        assert told not in ignored
