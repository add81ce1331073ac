from __future__ import annotations

from typing import Any

import msgspec
import pytest

from director.adapters.memory.cloud import MemoryCloud, MemoryClouds
from director.model.actions import CreateVm
from director.model.deployment import VariableWanted
from director.model.errors import CloudError, CloudUnsettled, DirectorError
from director.model.rows import AddressRow, InstanceRow, VariableSetRow, VmRow
from director.ports.store import Changes
from director.steps.step import Adopt, Repeat, Unknown
from director.steps.vm_env import canonical
from tests.unit.director.steps.bench import NETWORKS, Bench, vm_spec


def create(**changes: Any) -> CreateVm:
    given: dict[str, Any] = {
        "agent_id": "a1",
        "object_key": "k1",
        "deployment": "web",
        "vm": vm_spec(),
        "instance_id": "i1",
        "group": "Front_End",
        "tags": {"team": "x"},
        "metadata": {"job": "web"},
        **changes,
    }
    return CreateVm(**given)


async def test_row_and_address_are_there_before_the_vm(bench: Bench) -> None:
    intent = await bench.intend(create())
    assert intent.object_key == "k1"
    assert not bench.cloud.inventory.vms
    row = await bench.store.get(VmRow, "a1")
    assert row is not None
    assert (row.cid, row.object_key, row.stemcell_api) == ("", "k1", 3)
    address = await bench.store.get(AddressRow, "10.0.0.10")
    assert address is not None
    assert (address.owner, address.network) == ("i1", "default")


async def test_outcome(bench: Bench) -> None:
    await bench.store.commit(Changes(put=[InstanceRow(id="i1", deployment="web", group="web", index=0)]))
    outcome = await bench.do(create())
    vm = bench.cloud.inventory.vms[outcome.result["cid"]]
    assert (vm.key, vm.agent_id, vm.networks) == ("k1", "a1", NETWORKS)
    assert vm.metadata == {"team": "x", "job": "web", "created_at": "2023-11-14T22:13:20Z"}
    row, instance = await bench.store.get(VmRow, "a1"), await bench.store.get(InstanceRow, "i1")
    assert row is not None and (row.cid, row.created_at) == (vm.cid, 1_700_000_000)
    assert instance is not None and instance.agent_id == "a1"


async def test_env(bench: Bench) -> None:
    bench.vary(agent_env={"swap_size": 0, "ntp": ["a"], "password": "of the director"}, ntp=("b",))
    manifest = {"persistent_disk_fs": "xfs", "bosh": {"password": "of the manifest"}}
    await bench.do(create(vm=vm_spec(env=manifest)))
    env = next(iter(bench.cloud.inventory.vms.values())).env
    assert env["persistent_disk_fs"] == "xfs"
    bosh = env["bosh"]
    assert (bosh["swap_size"], bosh["ntp"], bosh["password"]) == (0, ["a"], "of the manifest")
    assert bosh["mbus"]["urls"] == ["nats://h:4222"]
    assert bosh["mbus"]["cert"] == {
        "ca": "memory ca",
        "certificate": "certificate of a1.bootstrap",
        "private_key": "private key of a1.bootstrap",
    }
    assert bosh["blobstores"] == bench.blobs.agent_settings()
    assert bosh["group"] == "my-director-web-front-end"
    assert bosh["groups"] == [
        "my-director",
        "web",
        "front-end",
        "my-director-web",
        "web-front-end",
        "my-director-web-front-end",
    ]
    assert bosh["tags"] == {"team": "x"}


async def test_secrets_reach_the_cloud_and_no_row(bench: Bench) -> None:
    wanted = [VariableWanted(name="vm_password", type="password")]
    resolved = await bench.secrets.resolve("web", wanted, ["vm_password"], pinned={})
    await bench.store.commit(Changes(put=[*resolved.rows, VariableSetRow(id=3, deployment="web", pins=resolved.pins)]))
    env = {"bosh": {"password": "((vm_password))"}}
    await bench.do(create(vm=vm_spec(env=env), variable_set=3))
    secret = next(iter(bench.cloud.inventory.vms.values())).env["bosh"]["password"]
    assert secret and "((" not in secret
    row = await bench.store.get(VmRow, "a1")
    assert row is not None and row.env == env
    stored = msgspec.json.encode(row).decode()
    assert secret not in stored and "private key" not in stored


async def test_anothers_address_is_refused(bench: Bench) -> None:
    other = AddressRow(address="10.0.0.10", network="default", deployment="db", owner="i9")
    await bench.store.commit(Changes(put=[other]))
    with pytest.raises(DirectorError, match=r"10\.0\.0\.10 of network 'default' is held by 'i9' of deployment 'db'"):
        await bench.intend(create())
    assert await bench.store.get(VmRow, "a1") is None


async def test_addresses_no_longer_wanted_are_freed(bench: Bench) -> None:
    await bench.do(create())
    await bench.store.commit(Changes(delete=[(VmRow, "a1")]))
    moved = {"default": {**NETWORKS["default"], "ip": "10.0.0.11"}}
    await bench.intend(create(agent_id="a2", object_key="k2", vm=vm_spec(networks=moved)))
    assert [row.address for row in await bench.store.find(AddressRow)] == ["10.0.0.11"]


async def test_addresses_of_a_vm_that_stays_are_kept(bench: Bench) -> None:
    await bench.do(create())
    moved = {"default": {**NETWORKS["default"], "ip": "10.0.0.11"}}
    await bench.intend(create(agent_id="a2", object_key="k2", vm=vm_spec(networks=moved)))
    assert [row.address for row in await bench.store.find(AddressRow)] == ["10.0.0.10", "10.0.0.11"]


async def test_retried_while_the_cloud_says_so(bench: Bench) -> None:
    for nth in (1, 2):
        bench.cloud.script.fail("create_vm", bench.cloud.refused("create_vm", ok_to_retry=True), nth=nth)
    await bench.do(create())
    assert bench.cloud.script.calls["create_vm"] == 3


async def test_remains_of_a_failed_try_go_before_the_next(bench: Bench) -> None:
    bench.cloud.script.lose("create_vm", bench.cloud.refused("create_vm", ok_to_retry=True))
    await bench.do(create())
    assert [vm.key for vm in bench.cloud.inventory.vms.values()] == ["k1"]
    assert bench.cloud.inventory.made["vm", "k1"] == 2


async def test_gives_up(bench: Bench) -> None:
    bench.vary(max_vm_create_tries=2)
    for nth in (1, 2):
        bench.cloud.script.fail("create_vm", bench.cloud.refused("create_vm", ok_to_retry=True), nth=nth)
    with pytest.raises(CloudError, match="create_vm failed"):
        await bench.do(create())
    assert bench.cloud.script.calls["create_vm"] == 2


async def test_not_retried_unasked(bench: Bench) -> None:
    bench.cloud.script.fail("create_vm", bench.cloud.refused("create_vm"))
    with pytest.raises(CloudError):
        await bench.do(create())
    assert bench.cloud.script.calls["create_vm"] == 1


async def test_a_lost_answer_is_settled_by_the_key(bench: Bench) -> None:
    bench.cloud.script.lose("create_vm", bench.cloud.unsettled("create_vm"))
    with pytest.raises(CloudUnsettled):
        await bench.do(create())
    recovery = await bench.recover(create())
    assert isinstance(recovery, Adopt)
    row = await bench.store.get(VmRow, "a1")
    assert row is not None and row.cid in bench.cloud.inventory.vms
    assert bench.cloud.inventory.vms[row.cid].metadata["job"] == "web"
    assert bench.cloud.inventory.made["vm", "k1"] == 1


async def test_nothing_made_is_repeated(bench: Bench) -> None:
    await bench.intend(create())
    assert isinstance(await bench.recover(create()), Repeat)


async def test_a_cloud_that_cannot_look_is_told_as_possible_orphan(bench: Bench) -> None:
    bench.cloud = MemoryCloud("stock", can_find=False)
    bench.clouds = MemoryClouds(bench.cloud)
    recovery = await bench.recover(create())
    assert isinstance(recovery, Unknown)
    assert "vm with key 'k1'" in recovery.message and "'stock'" in recovery.message


async def test_a_vm_is_not_lost_for_its_metadata(bench: Bench) -> None:
    bench.cloud.script.fail("set_vm_metadata", bench.cloud.refused("set_vm_metadata"))
    await bench.do(create())
    row = await bench.store.get(VmRow, "a1")
    assert row is not None and row.cid
    assert "without its metadata" in await bench.output("event")


async def test_missing_stemcell(bench: Bench) -> None:
    with pytest.raises(DirectorError, match="Stemcell 's/2' doesn't exist"):
        await bench.intend(create(vm=vm_spec(stemcell_version="2")))


@pytest.mark.parametrize(("name", "wanted"), [("My_Job", "my-job"), ("a.b c", "abc"), ("x-1", "x-1")])
def test_canonical(name: str, wanted: str) -> None:
    assert canonical(name) == wanted
