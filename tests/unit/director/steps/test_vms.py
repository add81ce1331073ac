from __future__ import annotations

import pytest
from msgspec.structs import replace

from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.model.actions import DeleteVm, RebootVm, UpdateTags, WaitAgent
from director.model.errors import AgentTimeout, CloudNotSupported
from director.model.rows import AddressRow, DiskRow, InstanceRow, VmRow
from director.ports.store import Changes
from tests.unit.director.steps.bench import NETWORKS, Bench


async def test_wait_agent_gives_the_permanent_identity_and_the_first_spec(bench: Bench) -> None:
    await bench.boot()
    bench.vary(trusted_certs="PEM")
    await bench.do(WaitAgent(agent_id="a1", spec={"deployment": "web", "index": 0, "id": "i1"}))
    guest = bench.guest()
    assert guest.did == ["ping", "update_settings", "ping", "apply", "get_state"]
    assert guest.settings["mbus"] == {
        "cert": {"ca": "memory ca", "certificate": "certificate of a1", "private_key": "private key of a1"}
    }
    assert (guest.settings["trusted_certs"], guest.settings["disk_associations"]) == ("PEM", [])
    assert guest.spec["networks"] == NETWORKS
    row = await bench.store.get(VmRow, "a1")
    assert row is not None and row.ready and row.permanent_credentials


async def test_wait_agent_learns_dynamic_addresses_only(bench: Bench) -> None:
    vm = await bench.boot()
    networks = {**NETWORKS, "dyn": {"type": "dynamic", "cloud_properties": {}}}
    await bench.store.commit(Changes(put=[replace(vm, networks=networks)]))
    guest = bench.guest()
    told = {"default": {"ip": "6.6.6.6"}, "dyn": {"type": "dynamic", "ip": "10.9.0.5", "netmask": "255.0.0.0"}}

    def apply(spec: object) -> str:
        guest.spec = {"networks": told}
        return "applied"

    guest._apply = apply  # type: ignore[method-assign]
    await bench.do(WaitAgent(agent_id="a1", spec={}))
    row = await bench.store.get(VmRow, "a1")
    assert row is not None
    assert row.networks["default"] == NETWORKS["default"]
    assert row.networks["dyn"] == {"type": "dynamic", "cloud_properties": {}, "ip": "10.9.0.5", "netmask": "255.0.0.0"}


async def test_a_compilation_vm_keeps_its_bootstrap_identity(bench: Bench) -> None:
    vm = await bench.boot()
    await bench.store.commit(Changes(put=[replace(vm, purpose="compilation")]))
    await bench.do(WaitAgent(agent_id="a1"))
    assert bench.guest().did == ["ping"]


async def test_wait_agent_says_who_did_not_answer(bench: Bench) -> None:
    vm = await bench.boot()
    bench.agents.silent.add("a1")
    with pytest.raises(AgentTimeout, match=f"Timed out pinging VM '{vm.cid}' with agent 'a1' after 30 seconds"):
        await bench.do(WaitAgent(agent_id="a1"))


async def test_delete_vm(bench: Bench) -> None:
    vm = await bench.boot()
    disk = DiskRow(object_key="d1", deployment="web", instance_id="i1", cid="disk-1", attached_to=vm.cid, hint="/dev/x")
    address = AddressRow(address="10.0.0.10", network="default", deployment="web", owner="i1")
    await bench.store.commit(Changes(put=[disk, address]))
    await bench.do(DeleteVm(agent_id="a1"))
    assert not bench.cloud.inventory.vms
    assert "a1" not in bench.agents.admitted
    assert await bench.store.get(VmRow, "a1") is None
    instance, kept = await bench.store.get(InstanceRow, "i1"), await bench.store.get(DiskRow, "d1")
    assert instance is not None and instance.agent_id == ""
    assert kept is not None and (kept.attached_to, kept.hint, kept.cid) == ("", None, "disk-1")
    assert await bench.store.get(AddressRow, "10.0.0.10") is not None


async def test_delete_vm_releases_addresses(bench: Bench) -> None:
    await bench.boot()
    address = AddressRow(address="10.0.0.10", network="default", deployment="web", owner="i1")
    await bench.store.commit(Changes(put=[address]))
    await bench.do(DeleteVm(agent_id="a1", release=True))
    assert await bench.store.find(AddressRow) == []


async def test_delete_vm_twice_is_as_once(bench: Bench) -> None:
    vm = await bench.boot()
    await bench.cloud.delete_vm(vm.cid)
    await bench.do(DeleteVm(agent_id="a1"))
    await bench.do(DeleteVm(agent_id="a1"))
    assert await bench.store.get(VmRow, "a1") is None


async def test_delete_vm_finds_one_that_was_never_confirmed(bench: Bench) -> None:
    vm = await bench.boot()
    await bench.store.commit(Changes(put=[replace(vm, cid="")]))
    await bench.do(DeleteVm(agent_id="a1"))
    assert not bench.cloud.inventory.vms


async def test_delete_vm_tells_what_it_cannot_find(bench: Bench) -> None:
    vm = await bench.boot()
    await bench.store.commit(Changes(put=[replace(vm, cid="")]))
    bench.cloud = MemoryCloud("stock", can_find=False)
    bench.clouds = MemoryClouds(bench.cloud)
    await bench.do(DeleteVm(agent_id="a1"))
    assert "Possible orphan: a vm with key 'key-a1'" in await bench.output("event")


async def test_reboot_that_the_cloud_cannot_do(bench: Bench) -> None:
    await bench.boot()
    error = CloudNotSupported("no", type="Bosh::Clouds::NotSupported", method="reboot_vm")
    bench.cloud.script.fail("reboot_vm", error)
    with pytest.raises(CloudNotSupported, match=r"cannot reboot VM 'vm-1'.* Recreate the instance instead"):
        await bench.do(RebootVm(instance_id="i1"))
    await bench.do(RebootVm(instance_id="i1"))
    assert bench.guest().did[-1] == "ping"


async def test_tags(bench: Bench) -> None:
    vm = await bench.boot()
    await bench.do(UpdateTags(instance_id="i1", tags={"team": "y"}, metadata={"job": "web"}))
    assert bench.cloud.inventory.vms[vm.cid].metadata == {"team": "y", "job": "web"}
    row = await bench.store.get(VmRow, "a1")
    assert row is not None and row.tags == {"team": "y"}
