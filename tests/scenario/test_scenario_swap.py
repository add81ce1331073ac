"""create-swap-delete: the new VM is made and filled while the old one runs; the old one waits for the clean-up with its addresses."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from director.model.plan import Plan
from director.model.rows import AddressRow, VmRow
from tests.scenario.town import Town, cloud_config, db, group, manifest
from tests.scenario.watched import watched

SWAP = {"update": {"vm_strategy": "create-swap-delete"}}


def both(**more: Any) -> str:
    return manifest(db(**SWAP, **more), group(**SWAP, **more))


def kinds(plan: Plan, stage: str) -> list[list[str]]:
    return [[step.kind for step in unit.steps] for one in plan.stages if one.id.startswith(stage) for unit in one.units]


async def orphans(town: Town) -> list[VmRow]:
    return [row for row in await town.store.find(VmRow) if row.orphaned_at is not None]


async def clean_up(town: Town) -> None:
    await town.do("delete_artifacts", {})
    assert await orphans(town) == []
    await town.check()


async def test_a_vm_is_made_before_the_one_it_replaces_goes(town: Town) -> None:
    await town.deploy(both())
    (disk,) = town.cloud.inventory.disks
    before = {row.name: row for row in await town.rows()}
    addresses = {row.address: row.owner for row in await town.store.find(AddressRow)}
    plan = await town.deploy(both(vm_type="large"))
    assert plan.counts["recreate"] == 3
    assert kinds(plan, "create") == [["create_vm", "wait_agent"]] * 3
    (steps,) = kinds(plan, "update/db")
    assert [one for one in steps if one not in ("run_script", "drain")] == [
        "begin_instance", "prepare", "stop", "unmount_disk", "detach_disk", "swap_vm", "attach_disk", "mount_disk", "apply", "start", "watch",
        "finish_instance",
    ]  # fmt: skip
    assert "cloud delete_vm" not in town.deeds
    assert len(town.cloud.inventory.vms) == 6
    left = await orphans(town)
    assert {one.instance_name for one in left} == before.keys()
    held = {row.address: row.owner for row in await town.store.find(AddressRow)}
    for vm in left:
        (net,) = vm.networks.values()
        assert held[net["ip"]] == vm.agent_id, "reserved until it is gone"
    for row in await town.rows():
        assert row.agent_id != before[row.name].agent_id
        (address,) = [one for one, owner in held.items() if owner == row.id]
        assert address not in addresses
        assert (await town.guest(row.group, row.index)).did.count("apply") == 2, "the partial spec, then the whole"
    assert (await town.guest("db")).mounted == [disk]
    (net,) = (await town.guest("db")).vm.networks.values()
    assert net["ip"] in await town.rendered("web"), "links follow the address"
    await clean_up(town)
    await town.deploy(both(vm_type="large"))
    assert town.deeds == {}


async def test_the_directors_default(town: Town) -> None:
    town.house = dataclasses.replace(town.house, vm_strategy="create-swap-delete")
    await town.deploy(manifest(db()))
    await town.deploy(manifest(db(vm_type="large")))
    assert len(await orphans(town)) == 1
    first = {"update": {"vm_strategy": "delete-create"}}
    await town.deploy(manifest(db(**first, vm_type="small")))
    assert len(await orphans(town)) == 1
    await clean_up(town)


async def test_static_addresses_fall_back(town: Town) -> None:
    static = {"networks": [{"name": "default", "static_ips": ["10.0.1.200"]}], "instances": 1}
    await town.deploy(manifest(db(**SWAP, **static)))
    plan = await town.deploy(manifest(db(**SWAP, **static, vm_type="large")))
    (steps,) = kinds(plan, "update/db")
    assert steps.index("delete_vm") < steps.index("create_vm")
    await town.check()


async def test_recreate_swaps_too_and_the_monitor_cleans_up(town: Town) -> None:
    await town.deploy(both())
    await town.change(both(), "recreate", "web", "0")
    assert len(await orphans(town)) == 1
    async with watched(town, clean_up=300) as street:
        (task,) = await street.pass_time(400)
        assert (task.type, task.user) == ("scheduled_orphaned_vm_cleanup", "scheduler")
        assert task.result == "Deleted 1 orphaned vm(s)"
    await town.check()


@pytest.mark.parametrize(
    ("where", "what"),
    [
        ("cloud", "create_vm"),
        ("agent", "prepare"),
        ("agent", "stop"),
        ("cloud", "detach_disk"),
        ("cloud", "attach_disk"),
        ("agent", "apply"),
        ("agent", "start"),
    ],
)
async def test_a_swap_that_fails_is_healed_by_the_next_deploy(town: Town, where: str, what: str) -> None:
    await town.deploy(both())
    (disk,) = town.cloud.inventory.disks
    if where == "cloud":
        town.cloud.script.fail(what, town.cloud.refused(what))
    else:
        town.break_agent(what, nth=4 if what == "apply" else 1)  # the first three are the partial specs
    await town.fail(both(vm_type="large"))
    await town.deploy(both(vm_type="large"))
    assert (await town.guest("db")).mounted == [disk]
    await clean_up(town)


async def test_when_addresses_are_short_the_deploy_says_so_before_it_begins(town: Town) -> None:
    config = cloud_config()
    for number, net in enumerate(config["networks"][0]["subnets"], 1):
        net |= {"range": f"10.0.{number}.0/29", "static": []}
    await town.configure(config)
    await town.deploy(manifest(db(**SWAP, instances=3)))
    assert "no more available" in await town.fail(manifest(db(**SWAP, instances=3, vm_type="large")))
    assert town.deeds == {}


async def test_addresses_of_an_orphan_outlive_its_deployment(town: Town) -> None:
    await town.deploy(both())
    await town.deploy(both(vm_type="large"))
    left = await orphans(town)
    await town.do("delete_deployment", {"deployment": "d"}, "d")
    held = {row.address for row in await town.store.find(AddressRow)}
    assert held == {net["ip"] for vm in left for net in vm.networks.values()}
    await town.do("delete_artifacts", {})
    assert await town.store.find(AddressRow) == []
    assert town.cloud.inventory.vms == {}
