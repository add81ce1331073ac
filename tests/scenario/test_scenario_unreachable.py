"""VMs whose agents never speak: deleted unless they are to be kept, and then gone with the next deploy or clean-up."""

from __future__ import annotations

from director.model.rows import AddressRow, InstanceRow, VmRow
from tests.scenario.town import Town, db, group, manifest

WIDER = manifest(db(), group(instances=3))


class Strangers(set[str]):
    """All agents but those known now."""

    def __init__(self, known: set[str]) -> None:
        super().__init__()
        self._known = known

    def __contains__(self, agent_id: object) -> bool:
        return agent_id not in self._known


def silence_newcomers(town: Town) -> None:
    town.agents.silent = Strangers({vm.agent_id for vm in town.cloud.inventory.vms.values()})


async def unreachable(town: Town) -> list[VmRow]:
    return [row for row in await town.store.find(VmRow) if row.unreachable_at is not None]


async def test_a_vm_that_never_speaks_is_deleted(town: Town) -> None:
    await town.deploy(manifest())
    silence_newcomers(town)
    told = await town.fail(WIDER)
    assert "Timed out pinging VM 'vm-" in told
    assert "The VM is deleted; deploy with --keep-unreachable to look at one" in told
    assert town.calls["cloud delete_vm"] == 1
    assert len(town.cloud.inventory.vms) == len(await town.store.find(VmRow)) == 3
    (fresh,) = [row for row in await town.store.find(InstanceRow) if row.applied is None]
    assert fresh.agent_id == ""
    assert len(await town.store.find(AddressRow)) == 4, "the instance keeps its address"
    town.agents.silent = set()
    await town.deploy(WIDER)
    await town.check()
    await town.deploy(WIDER)
    assert town.calls == {}


async def test_a_compilation_vm_that_never_speaks_leaves_nothing(town: Town) -> None:
    silence_newcomers(town)
    assert "Timed out pinging VM" in await town.fail(manifest())
    compiling = {row.agent_id for row in await town.store.find(VmRow) if row.purpose == "compilation"}
    assert compiling == set()
    assert len(town.cloud.inventory.vms) == len(await town.store.find(VmRow))
    assert {row.owner for row in await town.store.find(AddressRow)} <= {
        row.id for row in await town.store.find(InstanceRow)
    }


async def test_one_that_is_kept_is_listed_and_goes_with_the_next_deploy(town: Town) -> None:
    await town.deploy(manifest())
    silence_newcomers(town)
    task = await town.attempt(
        "update_deployment", {"deployment": "d", "manifest": WIDER, "keep_unreachable": True}, "d"
    )
    assert task.state == "error"
    assert task.result is not None and "The VM is kept until the next deploy or clean-up" in task.result
    (kept,) = await unreachable(town)
    assert kept.cid in town.cloud.inventory.vms
    assert kept.is_left
    assert town.calls.get("cloud delete_vm", 0) == 0
    town.agents.silent = set()
    await town.deploy(WIDER)
    await town.check()
    assert kept.cid not in town.cloud.inventory.vms
    assert await unreachable(town) == []


async def test_one_that_is_kept_goes_with_a_clean_up(town: Town) -> None:
    await town.deploy(manifest())
    silence_newcomers(town)
    await town.attempt("update_deployment", {"deployment": "d", "manifest": WIDER, "keep_unreachable": True}, "d")
    (kept,) = await unreachable(town)
    task = await town.attempt("delete_artifacts", {}, None)
    assert task.result is not None and "1 orphaned vm(s)" in task.result
    assert kept.cid not in town.cloud.inventory.vms
    assert len(await town.store.find(AddressRow)) == 4, "the instance keeps its address"
    town.agents.silent = set()
    await town.deploy(WIDER)
    await town.check()


async def test_a_deletion_that_fails_is_told_and_done_by_the_next_deploy(town: Town) -> None:
    await town.deploy(manifest())
    silence_newcomers(town)
    town.cloud.script.fail("delete_vm", town.cloud.refused("delete_vm"))
    assert "Timed out pinging VM" in await town.fail(WIDER)
    assert len(town.cloud.inventory.vms) == 4
    town.agents.silent = set()
    await town.deploy(WIDER)
    await town.check()
    assert len(town.cloud.inventory.vms) == 4
