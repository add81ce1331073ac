"""Creations whose answer was lost on a cloud that cannot look by key: listed with all that is known, never repeated silently, settled by hand."""

from __future__ import annotations

import pytest

from director.adapters.memory.cloud import MemoryCloud
from director.model.rows import AddressRow, PossibleOrphanRow, VmRow
from director.service.possible_orphans import show
from tests.scenario.town import Town, db, group, manifest

BOTH = manifest()


@pytest.fixture
def blind(town: Town) -> MemoryCloud:
    """The town's cloud as one that a stock CPI serves."""
    town.cloud._can_find = False
    return town.cloud


async def orphan(town: Town) -> PossibleOrphanRow:
    (row,) = await town.store.find(PossibleOrphanRow)
    return row


async def lost_web(town: Town) -> tuple[PossibleOrphanRow, str]:
    """A second web is added, and the answer to its creation is lost; the row and the VM's CID."""
    await town.deploy(manifest(db(), group(instances=1)))
    town.cloud.script.lose("create_vm", town.cloud.unsettled("create_vm"))
    told = await town.fail(BOTH)
    row = await orphan(town)
    assert row.object_key in told
    assert "possible-orphans" in told
    (cid,) = [vm.cid for vm in town.cloud.inventory.vms.values() if vm.key == row.object_key]
    return row, cid


async def test_a_lost_vm_is_listed_and_deleted_by_its_cid(town: Town, blind: MemoryCloud) -> None:
    row, cid = await lost_web(town)
    shown = show(row)
    assert shown["kind"] == "vm"
    assert str(shown["instance_name"]).startswith("web/")
    assert shown["agent_id"] == blind.inventory.vms[cid].agent_id
    (address,) = shown["ip_addresses"]
    assert shown["task"]
    await town.deploy(BOTH)
    vms = await town.store.find(VmRow)
    assert len(vms) == 3
    assert address not in [net["ip"] for vm in vms for net in vm.networks.values()], "the lost VM may use it"
    assert len(blind.inventory.vms) == 4
    known = await town.attempt("delete_possible_orphan", {"key": row.object_key, "cid": vms[0].cid})
    assert known.state == "error"
    assert "is in use" in str(known.result)
    await town.do("delete_possible_orphan", {"key": row.object_key, "cid": cid})
    assert await town.store.find(PossibleOrphanRow) == []
    assert await town.store.find(AddressRow, owner=row.object_key) == []
    await town.check()


async def test_one_that_is_not_there_is_dismissed(town: Town, blind: MemoryCloud) -> None:
    row, cid = await lost_web(town)
    del blind.inventory.vms[cid]
    await town.do("delete_possible_orphan", {"key": row.object_key})
    assert await town.store.find(AddressRow, owner=row.object_key) == []
    await town.deploy(BOTH)
    await town.check()
    again = await town.attempt("delete_possible_orphan", {"key": row.object_key})
    assert "doesn't exist" in str(again.result)


async def test_a_lost_disk(town: Town, blind: MemoryCloud) -> None:
    blind.script.lose("create_disk", blind.unsettled("create_disk"))
    await town.fail(BOTH)
    row = await orphan(town)
    assert (row.kind, row.size) == ("disk", 64)
    await town.deploy(BOTH)
    (cid,) = [one.cid for one in blind.inventory.disks.values() if one.key == row.object_key]
    await town.do("delete_possible_orphan", {"key": row.object_key, "cid": cid})
    await town.check()


async def test_the_clean_up_asks_again(town: Town, blind: MemoryCloud) -> None:
    """As after an upgrade of the CPI to one that can look."""
    row, cid = await lost_web(town)
    await town.do("delete_artifacts", {})
    assert await orphan(town) == row
    blind._can_find = True
    await town.do("delete_artifacts", {})
    assert await town.store.find(PossibleOrphanRow) == []
    assert cid not in blind.inventory.vms
    await town.deploy(BOTH)
    await town.check()


async def test_addresses_outlive_the_deployment(town: Town, blind: MemoryCloud) -> None:
    row, _ = await lost_web(town)
    await town.do("delete_deployment", {"deployment": "d"}, "d")
    assert [one.owner for one in await town.store.find(AddressRow)] == [row.object_key]
