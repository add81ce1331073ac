"""What is compiled, on which VM, after what."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace
from yard import Yard, cloud, deployment, group, steps_of, subnet

from director.model.cloud_config import Compilation, Network, Subnet
from director.model.errors import BadRequest, NotFound
from director.model.plan import Plan, Stage, Unit
from director.model.rows import PackageRow, ReleaseRow
from director.plan.compilation import assign
from director.plan.packages import Build, builds, package_of, package_spec


def release(**packages: str) -> ReleaseRow:
    """Packages by name, each with the names it depends on."""
    rows = [
        PackageRow(name, f"f-{name}", f"v-{name}", "sha256:0", f"blob-{name}", tuple(needs.split()))
        for name, needs in packages.items()
    ]
    return ReleaseRow(name="r", version="1", packages=tuple(rows))


CHAIN = release(c="b", b="a", a="")
DIAMOND = release(top="left right", left="base", right="base", base="", alone="")


def build_all(rel: ReleaseRow, stemcell: str = "debian/1", compiled: set[str] | None = None) -> tuple[Build, ...]:
    return tuple(builds(rel, [one.name for one in rel.packages], stemcell, compiled or set()).values())


def compiling(rel: ReleaseRow, compilation: Compilation, *networks: Network, **more: Any) -> Stage:
    return next(stage for stage in planned(rel, compilation, *networks, **more).stages if stage.id == "compile")


def planned(rel: ReleaseRow, compilation: Compilation, *networks: Network, **more: Any) -> Plan:
    yard = Yard(cloud=cloud(*networks, compilation=compilation))
    return yard.plan(deployment(group()), builds=build_all(rel), **more)


OWN = Compilation(2, "a", "z1")
REUSED = Compilation(2, "a", "z1", reuse_compilation_vms=True)


def kinds(unit: Unit) -> list[str]:
    return [step.kind for step in unit.steps]


def titles(stage: Stage) -> dict[str, str]:
    return {unit.id: unit.task.partition("/")[0] for unit in stage.units}


def test_dependencies_come_first_and_each_package_once() -> None:
    assert [one.package.name for one in build_all(CHAIN)] == ["a", "b", "c"]
    names = [one.package.name for one in build_all(DIAMOND)]
    assert sorted(names) == ["alone", "base", "left", "right", "top"]
    assert names.index("base") < names.index("left") < names.index("top")


def test_what_is_compiled_is_not_compiled_again() -> None:
    all_ = build_all(CHAIN)
    assert [one.package.name for one in build_all(CHAIN, compiled={all_[0].key})] == ["b", "c"]
    assert build_all(CHAIN, compiled={one.key for one in all_}) == ()


def test_identity_is_name_fingerprint_stemcell_and_dependencies() -> None:
    key = {one.package.name: one.key for one in build_all(CHAIN)}
    other = {one.package.name: one.key for one in build_all(CHAIN, "debian/2")}
    assert not set(key.values()) & set(other.values())
    newer = replace(CHAIN, packages=tuple(replace(one, version=f"{one.version}!") for one in CHAIN.packages))
    moved = {one.package.name: one.key for one in build_all(newer)}
    assert moved["a"] == key["a"], "its own version is not part of it"
    assert moved["b"] != key["b"], "that of a dependency is"
    assert package_spec(CHAIN, package_of(CHAIN, "c")).dependency_key == '[["b","v-b",[["a","v-a"]]]]'


def test_mistakes_of_releases_are_told() -> None:
    with pytest.raises(BadRequest, match="circle: a → b → a"):
        build_all(release(a="b", b="a"))
    with pytest.raises(NotFound, match="no package 'ghost'"):
        build_all(release(a="ghost"))
    bare = replace(CHAIN, packages=tuple(replace(one, blob_id="") for one in CHAIN.packages))
    with pytest.raises(BadRequest, match="no source and is not compiled for 'debian/1'"):
        build_all(bare)


def test_without_reuse_each_package_has_a_vm_of_its_own() -> None:
    stage = compiling(DIAMOND, OWN)
    assert (stage.title, stage.width, stage.needs) == ("Compiling packages", 2, ())
    assert {tuple(kinds(unit)) for unit in stage.units} == {("create_vm", "wait_agent", "compile_package", "delete_vm")}
    names = titles(stage)
    assert {names[unit.id]: sorted(names[one] for one in unit.needs) for unit in stage.units} == {
        "base": [],
        "left": ["base"],
        "right": ["base"],
        "top": ["base", "left", "right"],
        "alone": [],
    }
    addresses = [step.args["vm"]["networks"]["a"]["ip"] for step in steps_of_stage(stage, "create_vm")]
    assert len(set(addresses)) == 5
    assert all(step.args["release"] for step in steps_of_stage(stage, "delete_vm"))


def steps_of_stage(stage: Stage, kind: str) -> list[Any]:
    return [step for unit in stage.units for step in unit.steps if step.kind == kind]


def test_with_reuse_there_is_one_vm_per_worker() -> None:
    stage = compiling(DIAMOND, REUSED)
    assert len(steps_of_stage(stage, "create_vm")) == len(steps_of_stage(stage, "delete_vm")) == 2
    assert len(steps_of_stage(stage, "compile_package")) == 5
    assert [unit.task for unit in stage.units] == [
        f"{one.package.name}/{one.package.fingerprint}" for one in build_all(DIAMOND)
    ]
    runs_through(stage)


def test_a_chain_needs_one_vm_however_many_workers_there_are() -> None:
    stage = compiling(CHAIN, replace(REUSED, workers=5))
    assert [kinds(unit) for unit in stage.units] == [
        ["create_vm", "wait_agent", "compile_package"],
        ["compile_package"],
        ["compile_package", "delete_vm"],
    ]
    assert len({step.args["agent_id"] for unit in stage.units for step in unit.steps}) == 1


def test_reused_vms_are_of_one_stemcell() -> None:
    both = (*build_all(CHAIN), *build_all(CHAIN, "debian/2"))
    slots = assign(both, 4)
    assert len(slots) == 2
    assert all(len({one.stemcell for one in slot.builds}) == 1 for slot in slots)


def runs_through(stage: Stage) -> None:
    """Units can run in the plan's order; every VM stands before it is used and is deleted after its last use."""
    done: set[str] = set()
    standing: set[str] = set()
    for unit in stage.units:
        assert set(unit.needs) <= done, f"{unit.task} comes before what it needs"
        for step in unit.steps:
            agent = step.args["agent_id"]
            if step.kind == "create_vm":
                standing.add(agent)
            assert agent in standing
            if step.kind == "delete_vm":
                standing.remove(agent)
        done.add(unit.id)
    assert not standing


def small(size: int) -> Network:
    return Network("a", "manual", (subnet(1, "z1", size=size),))


@pytest.mark.parametrize("compilation", [OWN, REUSED, replace(REUSED, workers=9)])
def test_fewer_addresses_than_packages_are_used_one_after_the_other(compilation: Compilation) -> None:
    """A /29 has five usable addresses; the instance takes one."""
    many = release(**{f"p{number}": "" if number < 3 else f"p{number - 3}" for number in range(9)})
    plan = planned(many, compilation, small(29))
    stage = next(stage for stage in plan.stages if stage.id == "compile")
    runs_through(stage)
    holder: dict[str, str] = {}
    by_agent: dict[str, str] = {}
    for unit in stage.units:
        for step in unit.steps:
            if step.kind == "create_vm":
                address = step.args["vm"]["networks"]["a"]["ip"]
                before = holder.get(address)
                assert before is None or before in unit.needs, "the VM before it still stands"
                by_agent[step.args["agent_id"]] = address
            if step.kind == "delete_vm":
                holder[by_agent[step.args["agent_id"]]] = unit.id
    assert len(set(by_agent.values())) <= 4
    assert "10.0.1.2" not in by_agent.values(), "that is the instance's"


def test_no_address_at_all_is_told() -> None:
    with pytest.raises(BadRequest) as caught:
        planned(CHAIN, OWN, small(30), avoid=())
    assert caught.value.code == 130011
    assert "compilation" in caught.value.message


def test_the_directors_own_addresses_are_avoided() -> None:
    stage = compiling(release(a=""), OWN, avoid=("10.0.1.3",))
    (create,) = steps_of_stage(stage, "create_vm")
    assert create.args["vm"]["networks"]["a"]["ip"] == "10.0.1.4"


def test_a_dynamic_network_of_the_compilation_az() -> None:
    network = Network("a", "dynamic", (Subnet(azs=("z2",)), Subnet(azs=("z1",), cloud_properties={"n": 1})))
    stage = compiling(release(a=""), OWN, network)
    (create,) = steps_of_stage(stage, "create_vm")
    assert create.args["vm"]["networks"]["a"] == {
        "type": "dynamic",
        "cloud_properties": {"n": 1},
        "default": ["dns", "gateway"],
    }


def test_cloud_properties_of_compilation_vms_are_merged() -> None:
    compilation = replace(OWN, cloud_properties={"ext": True}, vm_resources={"cpu": 1})
    stage = compiling(release(a=""), compilation, build_resources={"type": "c1"})
    (create,) = steps_of_stage(stage, "create_vm")
    assert create.args["vm"]["cloud_properties"] == {"type": "c1", "ext": True}


def test_a_package_compiled_on_two_stemcells_gives_steps_of_its_own() -> None:
    yard = Yard()
    plan = yard.plan(deployment(group()), builds=build_all(CHAIN))
    second = Yard()
    second.content.stemcell = "2"
    assert not {step.id for step in steps_of(plan) if step.id.startswith("compile")} & {
        step.id
        for step in steps_of(second.plan(deployment(group()), builds=build_all(CHAIN, "debian/2")))
        if step.id.startswith("compile")
    }


def test_compiling_and_creating_go_on_side_by_side_before_updates() -> None:
    plan = planned(CHAIN, OWN)
    needs = {stage.id: stage.needs for stage in plan.stages}
    assert needs["create"] == ()
    assert set(needs["update/web/0"]) == {"compile", "create"}


def test_no_compilation_section_is_told_only_when_something_has_to_be_compiled() -> None:
    yard = Yard()
    yard.cloud = replace(yard.cloud, compilation=None)
    yard.plan(deployment(group()))
    with pytest.raises(BadRequest, match="no 'compilation' section"):
        yard.plan(deployment(group()), builds=build_all(CHAIN))
